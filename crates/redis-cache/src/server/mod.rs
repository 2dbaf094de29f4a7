//! What servers say of themselves: asked for once, or every so often for metrics.

mod info;
mod observe;
mod watch;

pub use info::ServerInfo;
pub use watch::{ServerWatch, ServersRead};
