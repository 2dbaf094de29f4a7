//! The house stands as docs/architecture.md says: floors, licences, lints.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::fs;

/// The floor of a package, by its directory; a crate may use only what stands below it.
fn floor(package: &str) -> Option<u8> {
    Some(match package.strip_prefix("perfect21-") {
        Some("core" | "meter" | "host") => 0,
        Some("mem-pool" | "smart-cache" | "concurrency") => 1,
        Some("db-stats" | "redis-cache" | "http-perf" | "load" | "monitor") => 2,
        None if package == "perfect21" => 3,
        _ => return None,
    })
}

/// Aside of the floors: used by tests, examples and benches.
fn is_aside(package: &str) -> bool {
    matches!(package, "perfect21-test-support" | "perfect21-examples" | "perfect21-macros")
        || package.starts_with("perfect21-bench-")
}

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().unwrap()
}

fn ours(metadata: &Metadata) -> Vec<&Package> {
    metadata.workspace_packages()
}

#[test]
fn every_crate_has_a_floor_and_uses_only_what_stands_below() {
    let metadata = metadata();
    for package in ours(&metadata) {
        let name = package.name.as_str();
        assert!(
            floor(name).is_some() || is_aside(name),
            "{name} has no floor: give it one here and in docs/architecture.md"
        );
        for dependency in package.dependencies.iter().filter(|d| d.name.starts_with("perfect21")) {
            let used = dependency.name.as_str();
            let (Some(here), dev) = (floor(name), dependency.kind == DependencyKind::Development) else {
                continue;
            };
            if dev {
                assert_ne!(used, "perfect21-examples", "{name} tests with an example");
                continue;
            }
            // Floor 0 has an order of its own: meter and host know the words of core.
            let below = match (here, floor(used)) {
                (0, Some(0)) => used == "perfect21-core" && name != "perfect21-core",
                (_, Some(there)) => there < here,
                (_, None) => used == "perfect21-macros",
            };
            assert!(below, "{name} uses {used}, which does not stand below it");
        }
    }
}

/// bincode 3 is a tombstone that does not compile; fred's `replicas` can spin a worker for ever when a connection is lost.
#[test]
fn no_dependency_is_one_that_is_known_to_be_harmful() {
    let metadata = MetadataCommand::new().exec().unwrap();
    for package in metadata.packages.iter().filter(|package| package.name.as_str() == "bincode") {
        assert!(package.version.major < 3, "bincode {} is in the tree", package.version);
    }
    let resolved = metadata.resolve.unwrap();
    let fred = resolved.nodes.iter().find(|node| node.id.repr.contains("fred@")).unwrap();
    assert!(fred.features.iter().all(|feature| feature.as_str() != "replicas"), "{:?}", fred.features);
}

#[test]
fn every_crate_takes_its_settings_from_the_workspace() {
    let metadata = metadata();
    for package in ours(&metadata) {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        let directory = package.manifest_path.parent().unwrap();
        let name = package.name.as_str();
        assert_eq!(package.license.as_deref(), Some("MIT"), "{name}");
        assert!(fs::read_to_string(directory.join("LICENSE")).unwrap().starts_with("MIT License"), "{name}");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} has lints of its own");
        assert!(package.description.is_some(), "{name} has no description");
        let internal = is_aside(name) && name != "perfect21-macros";
        assert_eq!(package.publish.is_some(), internal, "{name}: publish");
        let is_short =
            directory.ends_with(name.trim_start_matches("perfect21-").trim_start_matches("bench-"));
        assert!(is_short, "{name} stands in {directory}");
    }
}

#[test]
fn unsafe_code_stands_only_where_the_map_says() {
    let metadata = metadata();
    let map = fs::read_to_string(metadata.workspace_root.join("docs/architecture.md")).unwrap();
    for package in ours(&metadata) {
        for file in sources(package.manifest_path.parent().unwrap().join("src").as_std_path()) {
            let text = fs::read_to_string(&file).unwrap();
            // The formatter may break the attribute over lines.
            if text.split_whitespace().collect::<String>().contains("allow(unsafe_code") {
                let relative = file.strip_prefix(&metadata.workspace_root).unwrap().display().to_string();
                assert!(
                    map.contains(&relative),
                    "{relative} allows unsafe code and is not in docs/architecture.md"
                );
            }
        }
    }
}

fn sources(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(sources(&entry.path())),
            false if entry.path().extension().is_some_and(|e| e == "rs") => files.push(entry.path()),
            false => {}
        }
    }
    files
}

/// The facade's features are its crates, and `full` is all of them.
#[cfg(feature = "full")]
#[test]
fn the_facade_shows_each_crate() {
    use perfect21::{Bytes, Observe};
    let limit = perfect21::concurrency::Limit::builder(1).build().unwrap();
    let cache = perfect21::smart_cache::Cache::<u32, u32>::builder().build().unwrap();
    let pool = perfect21::mem_pool::Pool::builder(Vec::<u8>::new).build().unwrap();
    let counter = perfect21::meter::Counter::default();
    let parts: [&dyn Observe; 3] = [&limit, &cache, &pool];
    let snapshot = perfect21::monitor::Snapshot::of(parts);
    assert!(!snapshot.series.is_empty());
    counter.increment();
    assert!(perfect21::host::Process::current().unwrap().rss().unwrap() > Bytes::kib(1));
    assert!(perfect21::load::Plan::open(-1.0).build().is_err());
}
