mod memory;
#[cfg(feature = "fred")]
mod remote;
#[cfg(feature = "fred")]
mod url;

pub use memory::MemoryBuilder;
#[cfg(feature = "fred")]
pub use remote::Builder;

use perfect21_core::ConfigError;

fn check_namespace(namespace: &str) -> Result<(), ConfigError> {
    match namespace {
        "" => Err(ConfigError::new("namespace", "``", "must not be empty")),
        _ => Ok(()),
    }
}
