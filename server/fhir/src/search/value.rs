//! A parameter's value as text: separators, and what a backslash makes of them.
//!
//! Source: FHIR R4, search, Escaping Search Parameters.

/// The parts between separators that no backslash precedes; still escaped.
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |letter| {
        let separates = letter == separator && !escaped;
        escaped = letter == '\\' && !escaped;
        separates
    })
}

/// The text without the backslashes that escape.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.next_if(|next| letter == '\\' && matches!(next, ',' | '|' | '$' | '\\'));
        plain.push(next.unwrap_or(letter));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{split, unescape};

    #[test]
    fn a_backslash_keeps_the_next_separator() {
        for (text, parts) in [
            ("a,b", vec!["a", "b"]),
            ("a\\,b,c", vec!["a,b", "c"]),
            ("a\\\\,b", vec!["a\\", "b"]),
            ("a\\|b\\$c", vec!["a|b$c"]),
            ("C:\\x", vec!["C:\\x"]),
            ("", vec![""]),
        ] {
            let found: Vec<_> = split(text, ',').map(unescape).collect();
            assert_eq!(found, parts, "{text}");
        }
    }
}
