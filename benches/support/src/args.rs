use crate::op::Case;

/// What was asked for on the command line.
#[derive(Debug, Default)]
pub(crate) struct Args {
    quick: bool,
    pub(crate) check: bool,
    /// A part of the names of the cases that are measured.
    only: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BadArgs {
    #[error("unknown option `{0}`; there are --quick, --check and --only TEXT")]
    Unknown(String),
    #[error("--only wants a part of the names of cases, as in: --only one thread")]
    NoText,
    #[error("--only {0}: no case has that in its name or its peer's")]
    Nothing(String),
}

impl Args {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, BadArgs> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => args.quick = true,
                "--check" => args.check = true,
                "--bench" => {} // Cargo says so to every bench target.
                "--only" => args.only = Some(words.next().ok_or(BadArgs::NoText)?),
                _ => return Err(BadArgs::Unknown(word)),
            }
        }
        Ok(args)
    }

    /// The cases that are measured.
    ///
    /// # Errors
    /// If there are none.
    pub(crate) fn chosen<'a>(&self, cases: &'a [Case]) -> Result<Vec<&'a Case>, BadArgs> {
        let Some(text) = &self.only else { return Ok(cases.iter().collect()) };
        let named = |case: &&Case| case.name.contains(text) || case.peer.contains(text);
        let chosen: Vec<_> = cases.iter().filter(named).collect();
        if chosen.is_empty() { Err(BadArgs::Nothing(text.clone())) } else { Ok(chosen) }
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 100 } else { 600 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Op;

    fn parse(line: &str) -> Result<Args, BadArgs> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_known_or_refused() {
        let args = parse("--bench --check").unwrap();
        assert!(args.check && !args.quick);
        assert!(parse("--quick").unwrap().rounds() < Args::default().rounds());
        assert!(parse("--fast").unwrap_err().to_string().contains("--fast"));
    }

    #[test]
    fn only_what_was_asked_for_is_measured() {
        let cases = ["hit", "miss"].map(|name| Case::new(name, 1, Op::each(|n| n), "peer", Op::each(|n| n)));
        let chosen = |line| parse(line).unwrap().chosen(&cases).map(|chosen| chosen.len());
        assert_eq!(chosen("").unwrap(), 2);
        assert_eq!(chosen("--only miss").unwrap(), 1);
        assert_eq!(chosen("--only peer").unwrap(), 2);
        assert!(chosen("--only other").unwrap_err().to_string().contains("--only other"));
        assert!(parse("--only").is_err());
    }
}
