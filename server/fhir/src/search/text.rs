//! Text without case, accents and punctuation.
//!
//! Source: FHIR R4, search, string.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What counts of a HumanName and an Address.
const PARTS: [&str; 11] = [
    "text",
    "family",
    "given",
    "prefix",
    "suffix",
    "line",
    "city",
    "district",
    "state",
    "postalCode",
    "country",
];

/// How a text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Starts,
    Contains,
    Exact,
}

/// A text that a query compares with.
#[derive(Debug)]
pub(super) struct Text {
    mode: Mode,
    wanted: String,
}

impl Text {
    /// `None` where nothing is left to compare with.
    pub(super) fn new(mode: Mode, text: String) -> Option<Self> {
        let wanted = if mode == Mode::Exact { text } else { folded(&text) };
        (!wanted.is_empty()).then_some(Self { mode, wanted })
    }

    /// Whether a string, or a part of a HumanName or an Address, compares as asked.
    pub(super) fn matches(&self, value: &Value, name: &str) -> bool {
        match value {
            Value::String(text) => self.is_in(text, name == "family"),
            Value::Array(items) => items.iter().any(|item| self.matches(item, name)),
            Value::Object(object) => PARTS
                .iter()
                .any(|part| object.get(*part).is_some_and(|value| self.matches(value, part))),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Whether this is what a code, a concept or an identifier's type is called.
    pub(super) fn names(&self, token: &Value) -> bool {
        let is = |of: &Value, name| {
            of.get(name).and_then(Value::as_str).is_some_and(|text| self.is_in(text, false))
        };
        let codings = token.get("coding").and_then(Value::as_array);
        is(token, "text")
            || is(token, "display")
            || codings.into_iter().flatten().any(|coding| is(coding, "display"))
            || token.get("type").is_some_and(|named| is(named, "text"))
    }

    /// A family name is found by each of its words (`Quinones` in `Carreno Quinones`).
    fn is_in(&self, text: &str, by_word: bool) -> bool {
        match self.mode {
            Mode::Exact => text == self.wanted,
            Mode::Contains => folded(text).contains(&self.wanted),
            Mode::Starts => {
                self.starts(text)
                    || by_word
                        && text
                            .match_indices([' ', '-'])
                            .any(|(at, _)| text.get(at + 1..).is_some_and(|rest| self.starts(rest)))
            }
        }
    }

    fn starts(&self, text: &str) -> bool {
        let mut letters = fold(text);
        self.wanted.chars().all(|letter| letters.next() == Some(letter))
    }
}

/// The text to compare and to sort by.
pub(super) fn folded(text: &str) -> String {
    let mut folded: String = fold(text).collect();
    folded.truncate(folded.trim_end().len());
    folded
}

/// Lower case, base letters and digits, and one space for each run of white space. By way of upper
/// case `ß` is `ss`, and `ς` is `σ`.
fn fold(text: &str) -> impl Iterator<Item = char> {
    let mut after_space = true;
    let letters = text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    letters.filter_map(move |letter| {
        if letter.is_whitespace() {
            return (!std::mem::replace(&mut after_space, true)).then_some(' ');
        }
        let counts = letter.is_alphanumeric() && !is_combining_mark(letter);
        after_space &= !counts;
        counts.then_some(letter)
    })
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn only_base_letters_are_left() {
        for (text, left) in [
            ("  José \t van   der Meer ", "jose van der meer"),
            ("O'Brien-Łuç", "obrienłuc"),
            ("ΑΎΣΣΕΎΣ", "αυσσευσ"),
            ("αύσσεύς", "αυσσευσ"),
            ("Weiß", "weiss"),
            ("...", ""),
            ("ﬁ１", "fi1"),
        ] {
            assert_eq!(folded(text), left);
        }
    }
}
