//! URIs, letter by letter.
//!
//! Source: FHIR R4, search, uri.

use serde_json::Value;

/// How a URI is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Same,
    Below,
    Above,
}

/// A URI that a query compares with.
#[derive(Debug)]
pub(super) struct Uri {
    mode: Mode,
    wanted: String,
}

impl Uri {
    /// Below and above are for URLs: a URN is only itself.
    pub(super) fn new(mode: Mode, wanted: String) -> Self {
        let mode = if wanted.starts_with("urn:") { Mode::Same } else { mode };
        Self { mode, wanted }
    }

    /// Whether a value of this resource compares as asked; `url|version` is a resource's two
    /// elements.
    pub(super) fn matches(&self, value: &Value, resource: &Value) -> bool {
        let Some(text) = value.as_str() else { return false };
        match self.mode {
            Mode::Same => {
                let version = || self.wanted.strip_prefix(text)?.strip_prefix('|');
                text == self.wanted
                    || version().is_some_and(|version| {
                        resource.get("version").and_then(Value::as_str) == Some(version)
                    })
            }
            Mode::Below => is_below(text, &self.wanted),
            Mode::Above => is_below(&self.wanted, text),
        }
    }
}

/// Whether `root` is where `url` begins, whole segments of it.
fn is_below(url: &str, root: &str) -> bool {
    url.strip_prefix(root).is_some_and(|rest| {
        rest.is_empty() || root.ends_with('/') || rest.starts_with(['/', '?', '#', '|'])
    })
}
