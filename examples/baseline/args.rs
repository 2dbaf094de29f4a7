//! The command line.

use lexopt::prelude::*;
use perfect21_examples::cli;
use std::{ffi::OsString, path::PathBuf, time::Duration};

pub(crate) const HELP: &str = "\
Measures the example API, plain and tuned with Perfect21, and prints a scoreboard.

Usage: baseline [OPTIONS]
       baseline serve plain|tuned [--port N] [--postgres[=URL]] [--redis[=URL]]

Both services get the same real request trace, one after the other: at a constant rate of 1000
and then 2000 requests/s, with latency counted from when each request was due, and then as fast
as they answer. Report: target/baseline/report.{html,md,json}. Takes about a minute.

Options:
      --duration TIME      How long each phase takes, for each service [default: 6s]
      --rate R[,R...]      Constant rates in requests/s [default: 1000,2000]
      --connections N      Connections of the load generator [default: 64]
      --postgres[=URL]     PostgreSQL in place of embedded SQLite. Without URL: $DATABASE_URL,
                           or else a private server that is thrown away. The shop lives in a
                           schema of its own, perfect21_shop, which is made anew and dropped
      --redis[=URL]        Redis in place of the cache in memory. Without URL: $REDIS_URL,
                           or else a private server that is thrown away
      --trace FILE         Another trace: one page number a line, plain or gzip
      --preset guide       The tuning guide's own probes instead: 1000 requests at 10 connections,
                           5000 at 100, memory around 10000 at 50, then the trace for the caches
      --json               Print the report as JSON instead of the scoreboard
  -h, --help               Print this

`serve` runs one of the two services alone, for a browser, curl or another load generator.";

pub(crate) enum Command {
    Help,
    Run(Options),
    Serve(ServeOptions),
}

/// Where a part of the service is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Server {
    Embedded,
    Private,
    Url(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Preset {
    Trace,
    Guide,
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub duration: Duration,
    pub rates: Vec<f64>,
    pub connections: usize,
    pub postgres: Server,
    pub redis: Server,
    pub trace: Option<PathBuf>,
    pub json: bool,
    pub preset: Preset,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Plain,
    Tuned,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tuned => "tuned",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ServeOptions {
    pub kind: Kind,
    pub port: u16,
    pub postgres: Server,
    pub redis: Server,
    /// An SQLite file of the parent's; without one `serve` makes its own.
    pub sqlite: Option<PathBuf>,
    /// Started by `baseline` itself: tell the address as JSON and end with standard input.
    pub child: bool,
}

impl Command {
    pub(crate) fn from_env() -> Result<Self, String> {
        Self::parse(std::env::args_os().skip(1), &|name| std::env::var(name).ok())
    }

    fn parse(
        args: impl IntoIterator<Item = OsString>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut parser = lexopt::Parser::from_args(args);
        let mut first = true;
        let mut options = Options::default();
        while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
            match arg {
                Value(word) if first && word == "serve" => return ServeOptions::parse(parser, env),
                Short('h') | Long("help") => return Ok(Self::Help),
                Long(name) => {
                    let name = name.to_owned();
                    options.set(&name, &mut parser, env)?;
                }
                other => return Err(format!("{}; --help lists the options", other.unexpected())),
            }
            first = false;
        }
        options.check().map(Self::Run)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(6),
            rates: vec![1000.0, 2000.0],
            connections: 64,
            postgres: Server::Embedded,
            redis: Server::Embedded,
            trace: None,
            json: false,
            preset: Preset::Trace,
        }
    }
}

impl Options {
    fn set(
        &mut self,
        name: &str,
        parser: &mut lexopt::Parser,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), String> {
        match name {
            "duration" => self.duration = cli::duration(name, &text(name, parser)?)?,
            "rate" => self.rates = rates(&text(name, parser)?)?,
            "connections" => self.connections = cli::number(name, &text(name, parser)?, 1, 10_000)?,
            "postgres" => self.postgres = server(parser, env("DATABASE_URL"))?,
            "redis" => self.redis = server(parser, env("REDIS_URL"))?,
            "trace" => self.trace = Some(text(name, parser)?.into()),
            "json" => self.json = true,
            "preset" => {
                self.preset = match text(name, parser)?.as_str() {
                    "guide" => Preset::Guide,
                    "trace" => Preset::Trace,
                    other => {
                        return Err(format!(
                            "--preset {other}: there is only `guide`, and the default `trace`"
                        ));
                    }
                }
            }
            _ => return Err(format!("unknown option --{name}; --help lists the options")),
        }
        Ok(())
    }

    fn check(self) -> Result<Self, String> {
        let most = self.rates.iter().copied().fold(0.0, f64::max) * self.duration.as_secs_f64();
        if self.preset == Preset::Trace && most < 1.0 {
            return Err(format!(
                "--rate and --duration: {:?} at {} requests/s is less than one request",
                self.duration, self.rates[0]
            ));
        }
        Ok(self)
    }
}

impl ServeOptions {
    fn parse(mut parser: lexopt::Parser, env: &dyn Fn(&str) -> Option<String>) -> Result<Command, String> {
        let mut kind = None;
        let mut options = Self {
            kind: Kind::Plain,
            port: 8000,
            postgres: Server::Embedded,
            redis: Server::Embedded,
            sqlite: None,
            child: false,
        };
        while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
            match arg {
                Value(word) if kind.is_none() && word == "plain" => kind = Some(Kind::Plain),
                Value(word) if kind.is_none() && word == "tuned" => kind = Some(Kind::Tuned),
                Short('h') | Long("help") => return Ok(Command::Help),
                Long("port") => options.port = cli::number("port", &text("port", &mut parser)?, 0, 65_535)?,
                Long("postgres") => options.postgres = server(&mut parser, env("DATABASE_URL"))?,
                Long("redis") => options.redis = server(&mut parser, env("REDIS_URL"))?,
                Long("sqlite") => options.sqlite = Some(text("sqlite", &mut parser)?.into()),
                Long("child") => options.child = true,
                other => return Err(format!("{}; --help lists the options", other.unexpected())),
            }
        }
        options.kind = kind.ok_or("serve: say which service, plain or tuned")?;
        Ok(Command::Serve(options))
    }
}

fn text(name: &str, parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|_| format!("--{name} needs a value; --help lists the options"))?;
    value.into_string().map_err(|value| format!("--{name} {}: not UTF-8", value.display()))
}

fn server(parser: &mut lexopt::Parser, from_env: Option<String>) -> Result<Server, String> {
    match parser.optional_value() {
        Some(url) => {
            Ok(Server::Url(url.into_string().map_err(|url| format!("{}: not UTF-8", url.display()))?))
        }
        None => Ok(from_env.filter(|url| !url.is_empty()).map_or(Server::Private, Server::Url)),
    }
}

fn rates(text: &str) -> Result<Vec<f64>, String> {
    let rates: Result<Vec<f64>, _> = text.split(',').map(|rate| rate.trim().parse::<f64>()).collect();
    match rates {
        Ok(rates) if rates.len() <= 8 && rates.iter().all(|rate| (0.1..=1e6).contains(rate)) => Ok(rates),
        _ => Err(format!(
            "--rate {text}: must be up to 8 rates from 0.1 to 1000000 requests/s, as in 1000,2000"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let env = |name: &str| (name == "DATABASE_URL").then(|| "postgres://env".to_owned());
        Command::parse(line.split_whitespace().map(OsString::from), &env)
    }

    #[test]
    fn reads_all_options() {
        let line =
            "--duration 1.5s --rate 10,20 --connections 3 --postgres --redis=redis://r --json --preset guide";
        let Ok(Command::Run(options)) = parse(line) else { panic!("{line} is a run") };
        assert_eq!(options.duration, Duration::from_millis(1500));
        assert_eq!((options.rates, options.connections), (vec![10.0, 20.0], 3));
        assert_eq!(options.postgres, Server::Url("postgres://env".to_owned()));
        assert_eq!(options.redis, Server::Url("redis://r".to_owned()));
        assert!(options.json && options.preset == Preset::Guide);
    }

    #[test]
    fn servers_stay_embedded_unless_asked_for() {
        let Ok(Command::Run(options)) = parse("") else { panic!("no argument is a run") };
        assert_eq!((options.postgres, options.redis), (Server::Embedded, Server::Embedded));
        let Ok(Command::Run(options)) = parse("--redis") else { panic!("this is a run") };
        assert_eq!(options.redis, Server::Private);
    }

    #[test]
    fn refuses_in_one_sentence_that_names_the_value() {
        for (line, named) in [
            ("--bogus", "--bogus"),
            ("extra", "extra"),
            ("--duration", "--duration"),
            ("--duration 0s", "--duration 0s"),
            ("--duration 6", "--duration 6"),
            ("--rate -5", "--rate -5"),
            ("--rate 0", "--rate 0"),
            ("--rate NaN", "--rate NaN"),
            ("--connections 0", "--connections 0"),
            ("--connections 1e9", "--connections 1e9"),
            ("--preset none", "--preset none"),
            ("serve", "serve"),
            ("serve other", "other"),
            ("serve plain --port 70000", "--port 70000"),
            ("--rate 0.1 --duration 100ms", "less than one request"),
        ] {
            let problem = parse(line).err().unwrap_or_else(|| panic!("{line} was taken"));
            assert!(problem.contains(named), "{line}: {problem}");
            assert!(!problem.contains('\n'), "{line}: {problem}");
        }
    }
}
