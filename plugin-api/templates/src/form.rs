use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey};
use fluent_syntax::unicode::unescape_unicode_to_string;

use crate::fault::{Faults, listed};
use crate::pause::{After, Terms, pauses};
use crate::{Message, Variable, misread};

/// Terms may refer to terms so deep; deeper ones refer to themselves.
const DEPTH: usize = 8;

/// One form of a message, and what may stand in it.
pub(crate) struct Form<'r, 'a, 't> {
    /// As faults name it.
    pub(crate) place: String,
    pub(crate) rule: &'r Message,
    pub(crate) variables: &'r BTreeMap<String, Variable>,
    pub(crate) terms: &'a Terms<'a, 't>,
    /// Plural categories of the language.
    pub(crate) categories: &'a [&'static str],
    pub(crate) language: &'a str,
    /// A voice says it.
    pub(crate) spoken: bool,
    /// And misreads what has no vowel marks.
    pub(crate) vocalised: bool,
}

impl Form<'_, '_, '_> {
    pub(crate) fn check(&self, pattern: &Pattern<&str>, name: &str, faults: &mut Faults<'_>) {
        let mut used = BTreeSet::new();
        self.elements(&pattern.elements, None, DEPTH, &mut used, faults);
        // One that is not known is told, and was probably meant to be one of these.
        let all_known = used.iter().all(|variable| self.rule.allows(variable));
        for variable in self.rule.must.iter().filter(|variable| all_known && !used.contains(variable.as_str())) {
            faults.at(
                name,
                format!("{} does not use `${variable}`", self.place),
                format!("put `{{ ${variable} }}` where it is said"),
            );
        }
    }

    fn elements<'e, 't>(
        &self,
        elements: &'e [PatternElement<&'t str>],
        outer: Option<&After<'e, 't>>,
        depth: usize,
        used: &mut BTreeSet<String>,
        faults: &mut Faults<'_>,
    ) {
        for (index, element) in elements.iter().enumerate() {
            let after = After { rest: &elements[index + 1..], outer };
            match element {
                PatternElement::TextElement { value } => self.text(value, value, faults),
                PatternElement::Placeable { expression } => self.expression(expression, &after, depth, used, faults),
            }
        }
    }

    /// `said` is what the slice `written` of the file says.
    fn text(&self, said: &str, written: &str, faults: &mut Faults<'_>) {
        for misread in misread(said, self.vocalised).filter(|_| self.spoken) {
            faults.at(written, misread.message(&self.place), misread.remedy());
        }
    }

    fn expression<'e, 't>(
        &self,
        expression: &'e Expression<&'t str>,
        after: &After<'e, 't>,
        depth: usize,
        used: &mut BTreeSet<String>,
        faults: &mut Faults<'_>,
    ) {
        match expression {
            Expression::Select { selector, variants } => {
                self.selector(selector, variants, used, faults);
                for variant in variants {
                    self.elements(&variant.value.elements, Some(after), depth, used, faults);
                }
            }
            Expression::Inline(InlineExpression::StringLiteral { value }) => {
                self.text(&unescape_unicode_to_string(value), value, faults);
            }
            Expression::Inline(InlineExpression::NumberLiteral { value }) => self.text(value, value, faults),
            Expression::Inline(InlineExpression::VariableReference { id }) => {
                used.insert(id.name.to_owned());
                self.said(id.name, after, faults);
            }
            Expression::Inline(InlineExpression::TermReference { id, .. }) => match self.terms.get(id.name) {
                None => faults.at(
                    id.name,
                    format!("there is no `-{}` in this file", id.name),
                    format!("write `-{} = …`, or the text itself", id.name),
                ),
                Some(_) if depth == 0 => {
                    faults.at(id.name, format!("`-{}` refers to itself", id.name), "write the text itself");
                }
                Some(term) => self.elements(&term.elements, Some(after), depth - 1, used, faults),
            },
            Expression::Inline(InlineExpression::Placeable { expression }) => {
                self.expression(expression, after, depth, used, faults);
            }
            Expression::Inline(
                InlineExpression::FunctionReference { id, .. } | InlineExpression::MessageReference { id, .. },
            ) => {
                faults.at(
                    id.name,
                    format!("{} refers to `{}`, and a message uses variables and terms alone", self.place, id.name),
                    format!(
                        "make it a term: `-{} = …`, and write `{{ -{} }}`",
                        id.name.to_lowercase(),
                        id.name.to_lowercase()
                    ),
                );
            }
        }
    }

    /// A variable whose value is said.
    fn said(&self, name: &str, after: &After<'_, '_>, faults: &mut Faults<'_>) {
        let Some(variable) = self.known(name, faults) else {
            return;
        };
        match variable {
            Variable::Word(_) => faults.at(
                name,
                format!("`${name}` is a word for choosing, not for saying"),
                format!("write `{{ ${name} -> … }}` with a variant for each"),
            ),
            Variable::Count if self.spoken => faults.at(
                name,
                format!("{} says the digits of `${name}`", self.place),
                format!("write `{{ ${name} -> … }}` with the words of each number"),
            ),
            Variable::Name if self.vocalised && !pauses(after, self.terms, DEPTH) => faults.at(
                name,
                format!(
                    "in {} the name `${name}` does not stand before a pause, where alone its end is right",
                    self.place
                ),
                format!("let a comma or the end follow: `{{ ${name} }}،`"),
            ),
            Variable::Text | Variable::Count | Variable::Name => {}
        }
    }

    /// A variable that chooses, with its variants.
    fn selector(
        &self,
        selector: &InlineExpression<&str>,
        variants: &[Variant<&str>],
        used: &mut BTreeSet<String>,
        faults: &mut Faults<'_>,
    ) {
        let InlineExpression::VariableReference { id } = selector else {
            let at = variants.first().map_or("", |variant| key(variant));
            faults.at(
                at,
                format!("{} chooses by something that is no variable", self.place),
                "write `{ $variable -> … }`",
            );
            return;
        };
        used.insert(id.name.to_owned());
        let Some(variable) = self.known(id.name, faults) else {
            return;
        };
        let (fits, are): (Vec<&str>, _) = match variable {
            Variable::Count => (self.categories.to_vec(), format!("the plural forms of `{}`", self.language)),
            Variable::Word(words) if words.is_empty() => return,
            Variable::Word(words) => {
                (words.iter().map(String::as_str).collect(), format!("the values of `${}`", id.name))
            }
            Variable::Text | Variable::Name => {
                faults.at(
                    id.name,
                    format!("no variant can be chosen by the text of `${}`", id.name),
                    format!("say it: `{{ ${} }}`", id.name),
                );
                return;
            }
        };
        let counts = *variable == Variable::Count;
        for variant in variants {
            let wrong = match variant.key {
                VariantKey::NumberLiteral { .. } => !counts,
                // The default may be called what it is: anything else.
                VariantKey::Identifier { name } => !(fits.contains(&name) || variant.default && name == "other"),
            };
            if wrong {
                let written = key(variant);
                faults.at(
                    written,
                    format!("`{written}` is none of {are}"),
                    format!("they are {}", listed(fits.iter().copied())),
                );
            }
        }
    }

    fn known(&self, name: &str, faults: &mut Faults<'_>) -> Option<&Variable> {
        let known = self.variables.get(name).filter(|_| self.rule.allows(name));
        if known.is_none() {
            let all: Vec<String> =
                self.rule.must.iter().chain(&self.rule.may).map(|variable| format!("${variable}")).collect();
            let hint = match all.is_empty() {
                true => "this message has no variables".to_owned(),
                false => format!("its variables are {}", listed(all.iter().map(String::as_str))),
            };
            faults.at(name, format!("{} has no variable `${name}`", self.place), hint);
        }
        known
    }
}

fn key<'t>(variant: &Variant<&'t str>) -> &'t str {
    match variant.key {
        VariantKey::Identifier { name } => name,
        VariantKey::NumberLiteral { value } => value,
    }
}
