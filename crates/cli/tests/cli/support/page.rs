//! Pages of the documentation: what is to be typed, what is shown, and code that is taken from files.

use std::path::Path;
use std::process::Command;

use super::text;

/// One command of a page, with the lines that the page shows after it.
#[derive(Debug)]
pub struct Step {
    pub command: String,
    pub shown: Vec<String>,
}

/// The commands of the page in order, with their continuations and what they read from `<<END`.
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_console = false;
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            is_console = line == "```console";
            continue;
        }
        if !is_console {
            continue;
        }
        let Some(first) = line.strip_prefix("$ ") else {
            let step = steps
                .last_mut()
                .expect("a command comes before what it shows");
            step.shown.push(line.to_owned());
            continue;
        };
        let mut command = first.to_owned();
        let mut more = |command: &mut String| {
            let next = lines.next().expect("the command goes on");
            command.push('\n');
            command.push_str(next);
            next
        };
        while command.ends_with('\\') || command.matches('\'').count() % 2 == 1 {
            more(&mut command);
        }
        if first.contains("<<") {
            while more(&mut command) != "END" {}
        }
        steps.push(Step {
            command,
            shown: Vec::new(),
        });
    }
    steps
}

/// What came of a command.
#[derive(Debug)]
pub struct Done {
    pub step: Step,
    pub code: String,
    pub said: String,
}

/// Runs the commands of a page one after the other in one shell; `prepare` may change what is typed, such as addresses that are taken.
/// Ends after `seconds`. Gives what came of each, and all that was said on standard error.
pub fn play(
    page: &str,
    folder: &Path,
    path: &std::ffi::OsStr,
    seconds: u64,
    prepare: impl Fn(&str) -> String,
) -> (Vec<Done>, String) {
    let steps = steps(page);
    // Whatever happens, nothing that was started stays behind.
    let mut script = format!(
        "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n(sleep {seconds}; kill $$) > /dev/null 2>&1 &\ndisown\nwatch=$!\n"
    );
    for (number, step) in steps.iter().enumerate() {
        script.push_str(&format!(
            "echo \"<{number}>\"\n{}\necho \"<{number}:$?>\"\n",
            prepare(&step.command)
        ));
    }
    script.push_str("kill $watch\n");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("CONCORDAT_SERVER")
        .env_remove("CONCORDAT_TOKEN")
        .env_remove("CONCORDAT_TOKEN_FILE")
        .output()
        .expect("bash is there");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    let done = steps.into_iter().enumerate().map(|(number, step)| {
        let between = said
            .split_once(&format!("<{number}>\n"))
            .and_then(|(_, rest)| rest.split_once(&format!("<{number}:")))
            .and_then(|(said, rest)| Some((said, rest.split_once('>')?.0)));
        let (said, code) = between
            .unwrap_or_else(|| panic!("{} was not run:\n{said}\n{complained}", step.command));
        Done {
            code: code.to_owned(),
            said: said.to_owned(),
            step,
        }
    });
    (done.collect(), complained)
}

impl Done {
    /// Fails unless it went well and said what the page shows, in which `…` stands for anything.
    pub fn is_as_shown(&self, complained: &str) {
        assert_eq!(
            self.code, "0",
            "{}\n{}\n{complained}",
            self.step.command, self.said
        );
        if self.step.shown.is_empty() {
            return;
        }
        let said: Vec<&str> = self.said.lines().collect();
        assert_eq!(
            said.len(),
            self.step.shown.len(),
            "{}\n{}",
            self.step.command,
            self.said
        );
        for (said, shown) in said.iter().zip(&self.step.shown) {
            let fits = match shown.split_once('…') {
                Some((before, after)) => said.starts_with(before) && said.ends_with(after),
                None => said == shown,
            };
            assert!(fits, "{}\nsaid  {said}\nshown {shown}", self.step.command);
        }
    }
}

/// The page with the code that it takes from files: after a line `<!-- from FILE: PART -->` stands a block with that part of the file,
/// which begins at its line `--8<-- PART` and ends at the next such line; without a part, all of the file but these lines.
pub fn with_code(page: &str, root: &Path) -> String {
    let mut whole = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        whole.push_str(line);
        whole.push('\n');
        let Some(named) = line
            .strip_prefix("<!-- from ")
            .and_then(|rest| rest.strip_suffix(" -->"))
        else {
            continue;
        };
        let (file, part) = named.split_once(": ").unwrap_or((named, ""));
        let code = std::fs::read_to_string(root.join(file)).unwrap_or_else(|_| panic!("no {file}"));
        let fence = lines.next().expect("a block follows");
        assert!(
            fence.starts_with("```") && fence.len() > 3,
            "{named}: {fence}"
        );
        for old in lines.by_ref() {
            if old == "```" {
                break;
            }
        }
        whole.push_str(&format!("{fence}\n{}\n```\n", part_of(&code, part, named)));
    }
    whole
}

fn part_of(code: &str, part: &str, named: &str) -> String {
    const MARK: &str = "--8<-- ";
    let mut inside = part.is_empty();
    let mut taken: Vec<&str> = Vec::new();
    for line in code.lines() {
        match line.split_once(MARK) {
            Some((_, name)) if !part.is_empty() => inside = name.trim() == part,
            Some(_) => {}
            None if inside => taken.push(line),
            None => {}
        }
    }
    let indent = taken
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or_else(|| panic!("{named}: there is no such part"));
    let lines: Vec<&str> = taken
        .iter()
        .map(|line| line.get(indent..).unwrap_or(""))
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
