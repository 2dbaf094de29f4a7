/// What was asked for on the command line.
#[derive(Debug, Default)]
pub(crate) struct Args {
    quick: bool,
    pub(crate) check: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("unknown option `{0}`; there are --quick and --check")]
pub(crate) struct UnknownOption(String);

impl Args {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, UnknownOption> {
        let mut args = Self::default();
        for word in words {
            match word.as_str() {
                "--quick" => args.quick = true,
                "--check" => args.check = true,
                "--bench" => {} // Cargo says so to every bench target.
                _ => return Err(UnknownOption(word)),
            }
        }
        Ok(args)
    }

    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 100 } else { 600 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, UnknownOption> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_known_or_refused() {
        let args = parse("--bench --check").unwrap();
        assert!(args.check && !args.quick);
        assert!(parse("--quick").unwrap().rounds() < Args::default().rounds());
        assert!(parse("--fast").unwrap_err().to_string().contains("--fast"));
    }
}
