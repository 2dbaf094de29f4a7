mod memory;
#[cfg(feature = "fred")]
mod remote;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "fred")]
mod url;

pub use memory::MemoryBuilder;
#[cfg(feature = "fred")]
pub use remote::Builder;

use perfect21_core::ConfigError;

const MAX_NAMESPACE_BYTES: usize = 256;

fn check_namespace(namespace: &str) -> Result<(), ConfigError> {
    match namespace {
        "" => Err(ConfigError::new("namespace", "``", "must not be empty")),
        long if long.len() > MAX_NAMESPACE_BYTES => {
            let rule = format!("must be at most {MAX_NAMESPACE_BYTES} bytes: all keys begin with it");
            Err(ConfigError::new("namespace", format_args!("{} bytes", long.len()), rule))
        }
        _ => Ok(()),
    }
}
