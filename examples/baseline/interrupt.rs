//! Ctrl-C: the first one ends the run with what was measured, the second one ends the process.

use tokio::sync::watch;

#[derive(Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    pub(crate) fn listen() -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                sender.send_replace(true);
                let _ = tokio::signal::ctrl_c().await;
                std::process::exit(130);
            }
            // Without a handler there is no interrupt: wait for ever, so that nobody takes a closed channel for one.
            sender.closed().await;
        });
        Self(receiver)
    }

    pub(crate) fn happened(&self) -> bool {
        *self.0.borrow()
    }
}
