use std::collections::BTreeMap;

use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::unicode::unescape_unicode_to_string;

/// What comes after a place: the rest of its pattern, then that of the pattern around it.
#[derive(Clone, Copy)]
pub(crate) struct After<'a, 't> {
    pub(crate) rest: &'a [PatternElement<&'t str>],
    pub(crate) outer: Option<&'a After<'a, 't>>,
}

/// The terms of a file (`-name = …`), by name.
pub(crate) type Terms<'a, 't> = BTreeMap<&'t str, &'a Pattern<&'t str>>;

/// Whether a voice pauses there: at the end, or at a mark.
pub(crate) fn pauses(after: &After<'_, '_>, terms: &Terms<'_, '_>, depth: usize) -> bool {
    let Some((first, rest)) = after.rest.split_first() else {
        return after.outer.is_none_or(|outer| pauses(outer, terms, depth));
    };
    let after = After { rest, outer: after.outer };
    match first {
        PatternElement::TextElement { value } => text_pauses(value, &after, terms, depth),
        PatternElement::Placeable { expression } => expression_pauses(expression, &after, terms, depth),
    }
}

fn expression_pauses(
    expression: &Expression<&str>,
    after: &After<'_, '_>,
    terms: &Terms<'_, '_>,
    depth: usize,
) -> bool {
    match expression {
        Expression::Select { variants, .. } => variants
            .iter()
            .all(|variant| pauses(&After { rest: &variant.value.elements, outer: Some(after) }, terms, depth)),
        Expression::Inline(InlineExpression::StringLiteral { value }) => {
            text_pauses(&unescape_unicode_to_string(value), after, terms, depth)
        }
        Expression::Inline(InlineExpression::Placeable { expression }) => {
            expression_pauses(expression, after, terms, depth)
        }
        // A term that refers to itself is a fault of its own.
        Expression::Inline(InlineExpression::TermReference { id, .. }) if depth > 0 => {
            let term = terms.get(id.name);
            term.is_some_and(|term| pauses(&After { rest: &term.elements, outer: Some(after) }, terms, depth - 1))
        }
        Expression::Inline(_) => false,
    }
}

fn text_pauses(text: &str, after: &After<'_, '_>, terms: &Terms<'_, '_>, depth: usize) -> bool {
    match text.chars().find(|letter| !letter.is_whitespace()) {
        Some(letter) => is_pause(letter),
        None => pauses(after, terms, depth),
    }
}

/// Marks at which a voice pauses, with those that close what stands before them.
fn is_pause(letter: char) -> bool {
    matches!(letter, '.' | ',' | ';' | ':' | '!' | '?' | '…' | '–' | '—' | '،' | '؛' | '؟' | '۔')
}
