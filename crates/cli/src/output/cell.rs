//! Texts from outside, shown on a terminal.

use std::borrow::Cow;

/// The text without what a terminal would obey: other organisations' texts must not move the cursor or hide a line. Lines stay apart.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let is_order = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !text.contains(is_order) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_order(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn orders_to_a_terminal_are_spelt_out() {
        assert_eq!(visible("a\u{1b}[2Jb\u{9b}c"), "a\\u{1b}[2Jb\\u{9b}c");
        assert_eq!(visible("two\nlines, é"), "two\nlines, é");
    }
}
