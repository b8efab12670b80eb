//! What somebody may have meant by a name that is not there.

/// How alike two names must be, from 0 to 1: below it a hint would mislead. The bound that clap takes for its own.
const ALIKE_ENOUGH: f64 = 0.7;

/// The names most like `name`, the most alike first; at most three.
pub(crate) fn names<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut alike: Vec<(f64, &str)> = all
        .into_iter()
        .map(|one| (strsim::jaro(name, one), one))
        .filter(|(alike, _)| *alike > ALIKE_ENOUGH)
        .collect();
    alike.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    alike.into_iter().map(|(_, one)| one).take(3).collect()
}

/// The same as words to put behind what is not there: empty, or ` (did you mean …?)`.
pub(crate) fn hint<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names(name, all)
        .into_iter()
        .map(|one| format!("`{one}`"))
        .collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(" (did you mean {}?)", names.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_alike_is_named() {
        let all = ["complaint-received", "lead-agreed", "lead-declined"];
        assert_eq!(names("lead-agred", all).first(), Some(&"lead-agreed"));
        assert_eq!(names("zzz", all), Vec::<&str>::new());
        assert_eq!(hint("zzz", all), "");
        assert!(hint("complaint-recieved", all).contains("`complaint-received`"));
    }
}
