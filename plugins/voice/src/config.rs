use schemars::JsonSchema;
use serde::Deserialize;

/// Which sounds are kept, so that they are not made again.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct CacheConfig {
    /// How many MiB of sound are kept at most, in memory and, where they are kept in a file, in the file; 0 keeps none.
    #[serde(default = "sixteen")]
    #[schemars(range(max = 4096))]
    pub max_mib: u32,
    /// Until when: to the end of the run, or in the store of the host.
    #[serde(default)]
    pub keep: Keep,
}

/// Until when sounds are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Keep {
    /// To the end of the run. Sounds that name somebody are not kept at all.
    #[default]
    Memory,
    /// In the store of the host, for later runs too. Those that name somebody are erased with the person.
    File,
}

/// Something that is said to every visitor, and is therefore made before the first one comes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Ahead {
    /// The text for the voice, letter by letter as the greeting says it. It names nobody.
    #[schemars(length(min = 1))]
    pub text: String,
    /// Its language, a BCP 47 tag; that of the pipeline where it is left out.
    #[serde(default)]
    pub language: Option<String>,
}

fn sixteen() -> u32 {
    16
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_mib: sixteen(), keep: Keep::default() }
    }
}

impl CacheConfig {
    /// The most bytes that are kept.
    pub(crate) fn most(self) -> usize {
        self.max_mib as usize * (1 << 20)
    }
}
