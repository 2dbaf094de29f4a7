//! The main job as its users start it: exit codes, sentences, reports.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(120);

/// The example beside this test's binary. `cargo test -p perfect21-examples` builds it; with a test's name or `--test`
/// cargo would not, and an old one would be tested.
fn baseline(home: &TempDir) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut command = Command::new(test.parent().unwrap().with_file_name("examples").join("baseline"));
    // Reports go below the package's parent.
    command
        .env("CARGO_MANIFEST_DIR", home.path().join("examples"))
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL");
    command.current_dir(home.path());
    command
}

fn run(arguments: &[&str]) -> (Output, TempDir, Duration) {
    let home = TempDir::new().unwrap();
    let start = Instant::now();
    let output = baseline(&home).args(arguments).stdin(Stdio::null()).output().unwrap();
    (output, home, start.elapsed())
}

fn reports(home: &Path) -> PathBuf {
    home.join("target/baseline")
}

fn json(home: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(reports(home).join("report.json")).unwrap()).unwrap()
}

/// A run short enough for a test, in a debug build on a busy machine.
const SHORT: [&str; 6] = ["--duration", "500ms", "--rate", "50,100", "--connections", "8"];

#[test]
fn bad_input_gets_one_sentence_and_exit_code_2_at_once() {
    let directory = TempDir::new().unwrap();
    let malformed = directory.path().join("malformed.txt");
    fs::write(&malformed, "1\n2\nnot a page\n").unwrap();
    let malformed = format!("--trace={}", malformed.display());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let unreachable = format!("--postgres=postgres://nobody@127.0.0.1:{free}/none");
    let unreachable_redis = format!("--redis=redis://127.0.0.1:{free}/0");
    for (arguments, named) in [
        (&["--bogus"][..], "--bogus"),
        (&["--connections", "0"], "--connections 0"),
        (&["--rate", "-1"], "--rate -1"),
        (&["--duration", "nonsense"], "--duration nonsense"),
        (&["--trace", "/nowhere/trace.txt"], "/nowhere/trace.txt"),
        (&[&malformed], "line 3 is no page number: `not a page`"),
        (&["--postgres=mysql://x"], "postgres://"),
        (&[&unreachable], "PostgreSQL"),
        (&["--redis=http://x"], "redis://"),
        (&[&unreachable_redis], "Redis"),
        (&["serve", "neither"], "neither"),
    ] {
        let (output, _, took) = run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.trim().lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.starts_with("baseline: ") && said.contains(named), "{arguments:?}: {said}");
        assert!(took < Duration::from_secs(2), "{arguments:?} took {took:?}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_tells_every_option() {
    let (output, _, _) = run(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for option in [
        "--duration",
        "--rate",
        "--connections",
        "--postgres",
        "--redis",
        "--trace",
        "--preset",
        "--json",
        "serve",
    ] {
        assert!(help.contains(option), "{option} is missing");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100));
}

/// A list short enough to be sent twice by a debug build.
fn short_trace() -> (TempDir, String) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("trace.txt");
    let lines: Vec<String> = (0..600).map(|request| (request * request % 97).to_string()).collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let argument = format!("--trace={}", file.display());
    (directory, argument)
}

#[test]
fn a_run_measures_every_row_and_its_report_shows_in_a_browser() {
    let (_directory, trace) = short_trace();
    let (output, home, _) = run(&[&SHORT[..], &["--json", &trace]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report, json(home.path()), "--json prints what is written");
    assert_eq!(report["partial"], Value::Null);
    assert_eq!(report["subjects"], serde_json::json!(["plain", "tuned"]));
    let keys: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["baseline"]["key"].as_str().unwrap())
        .collect();
    let expected = [
        "api_p95_at_50",
        "cpu_at_50",
        "api_p95_at_100",
        "cpu_at_100",
        "request_rate",
        "memory",
        "db_connect",
        "cache_hits",
    ];
    assert_eq!(keys, expected);
    for row in report["rows"].as_array().unwrap() {
        for (subject, measured) in ["plain", "tuned"].into_iter().zip(row["measured"].as_array().unwrap()) {
            let key = row["baseline"]["key"].as_str().unwrap();
            if (subject, key) == ("plain", "cache_hits") {
                assert!(measured["no_data"].as_str().unwrap().contains("no cache"));
            } else {
                assert!(measured["value"].as_f64().is_some(), "{subject} {key}: {measured}");
            }
        }
    }
    assert!(fs::read_to_string(reports(home.path()).join("report.md")).unwrap().contains("## Scoreboard"));
    in_a_browser(&reports(home.path()).join("report.html"), &keys);
}

/// The page in headless Chromium: nothing in the console, nothing asked of anyone, charts drawn, both colour schemes.
fn in_a_browser(report: &Path, keys: &[&str]) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tools = workspace.join("target/tools");
    assert!(
        tools.join("node_modules/playwright-core").exists(),
        "no playwright-core: run ./scripts/test install"
    );
    let output = Command::new("node")
        .arg(workspace.join("examples/tests/browser.mjs"))
        .args([report, &tools.join("report.png")])
        .env("PERFECT21_TOOLS", &tools)
        .output()
        .expect("node runs; ./scripts/test install brings it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["errors"], serde_json::json!([]));
    assert_eq!(seen["requests"], serde_json::json!([]));
    let schemes = ["light", "dark"].map(|scheme| &seen["schemes"][scheme]);
    assert_ne!(schemes[0]["background"], schemes[1]["background"]);
    for scheme in schemes {
        assert_eq!(scheme["rows"], serde_json::json!(keys));
        assert_eq!(scheme["sideways"], false);
        let charts = scheme["charts"].as_array().unwrap();
        assert_eq!(charts.len(), 4, "{charts:?}");
        for chart in charts {
            assert_eq!(
                (&chart["ink"], &chart["outside"]),
                (&Value::Bool(true), &serde_json::json!([])),
                "{chart}"
            );
        }
    }
}

#[test]
fn real_servers_take_the_place_of_embedded_ones() {
    let (_directory, trace) = short_trace();
    let (output, home, _) = run(&[&SHORT[..], &["--postgres", "--redis", &trace]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let setup = json(home.path())["setup"].to_string();
    assert!(setup.contains("PostgreSQL (private)") && setup.contains("Redis (private)"), "{setup}");
}

#[test]
fn the_users_database_is_left_as_it_was_found() {
    let server = perfect21_test_support::postgres::Postgres::start().unwrap();
    let url = server.url();
    let (_directory, trace) = short_trace();
    let (output, home, _) = run(&[&SHORT[..], &[&format!("--postgres={url}"), &trace]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(json(home.path())["setup"].to_string().contains("PostgreSQL (yours)"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let schemas: i64 = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let count = "SELECT count(*) FROM pg_namespace WHERE nspname = 'perfect21_shop'";
        let row = client.query_one(count, &[]).await.unwrap();
        connection.abort();
        row.get(0)
    });
    assert_eq!(schemas, 0);
}

#[test]
fn the_guides_preset_runs_its_own_probes() {
    let (_directory, trace) = short_trace();
    let (output, home, _) = run(&["--preset", "guide", &trace]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json(home.path());
    let phases = report["tables"][0]["rows"].as_array().unwrap();
    let sent: Vec<_> = phases.iter().take(3).map(|row| row[2].as_str().unwrap()).collect();
    assert_eq!(sent, ["1000", "5000", "10000"]);
    let cpu = report["rows"].as_array().unwrap().iter().find(|row| row["baseline"]["key"] == "cpu").unwrap();
    assert!(cpu["measured"][1]["value"].as_f64().unwrap() > 0.0);
}

/// Starts a run and reads its children until the given service is up.
fn start(home: &TempDir) -> Child {
    let mut command = baseline(home);
    command.args(["--duration", "1h", "--rate", "20", "--connections", "4"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The processes that another one started, by what the system tells.
fn child_of(parent: u32) -> u32 {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let others = fs::read_dir(format!("/proc/{parent}/task"))
            .unwrap()
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let found = others.chain([children]).find_map(|line| line.split_whitespace().next()?.parse().ok());
        // Listening is what comes before the first request; its socket shows that it is up.
        if let Some(pid) = found
            && listens(pid)
        {
            return pid;
        }
        assert!(Instant::now() < deadline, "no service within {DEADLINE:?}; children so far: {found:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn listens(pid: u32) -> bool {
    let connections = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().filter(|fd| {
        fs::read_link(fd.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    });
    // The listener and the generator's four connections.
    connections.count() >= 5
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn partial(run: Child, home: &TempDir, code: i32, said: &str) {
    let output = run.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    let report = json(home.path());
    assert!(report["partial"].as_str().unwrap().contains(said), "{}", report["partial"]);
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .contains(&format!("PARTIAL: {}", report["partial"].as_str().unwrap()))
    );
    assert!(fs::read_to_string(reports(home.path()).join("report.html")).unwrap().contains(said));
}

#[test]
fn ctrl_c_ends_with_a_partial_report() {
    let home = TempDir::new().unwrap();
    let run = start(&home);
    let service = child_of(run.id());
    signal(run.id(), "-INT");
    partial(run, &home, 130, "stopped by Ctrl-C");
    assert!(!Path::new(&format!("/proc/{service}")).exists(), "the service ended too");
}

#[test]
fn a_server_that_dies_ends_with_a_partial_report() {
    let home = TempDir::new().unwrap();
    let run = start(&home);
    signal(child_of(run.id()), "-KILL");
    partial(run, &home, 1, "the plain service ended during open 20/s");
}

#[test]
fn a_killed_run_leaves_no_service_behind() {
    let home = TempDir::new().unwrap();
    let mut run = start(&home);
    let service = child_of(run.id());
    run.kill().unwrap();
    run.wait().unwrap();
    let deadline = Instant::now() + DEADLINE;
    while Path::new(&format!("/proc/{service}/exe")).exists() {
        assert!(Instant::now() < deadline, "service {service} outlived its run by {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn serve_says_where_it_listens_and_a_port_in_use_is_one_sentence() {
    let home = TempDir::new().unwrap();
    let mut service = baseline(&home)
        .args(["serve", "plain", "--port", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.split("http://127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let (second, _, _) = run(&["serve", "tuned", "--port", &port]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    signal(service.id(), "-INT");
    assert!(service.wait().unwrap().success());
    assert_eq!(second.status.code(), Some(2));
    assert!(
        said.contains(&format!("cannot listen on 127.0.0.1:{port}")) && said.contains("--port"),
        "{said}"
    );
}
