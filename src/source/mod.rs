//! The source of answers for a screen. The screen sends views and receives snapshots, from this
//! process or from another.

mod attached;
mod local;

pub use attached::attach;
pub use local::{Local, SourceQuestion};

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::snapshot::{Snapshot, View};

/// Maximum number of waiting questions besides the watched view, such as saving to a file.
const PENDING: usize = 8;

/// The channels that a screen has.
pub struct ScreenChannels {
    /// The watched view. A change is answered at once.
    pub views: watch::Sender<View>,
    /// The newest answer.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Single questions.
    pub questions: mpsc::Sender<SourceQuestion>,
}

/// Starts a thread that evaluates limits and makes answers, about once a second and on request,
/// until the screen's channels are dropped.
///
/// # Errors
/// When the thread or its runtime cannot be started.
pub fn serve(local: Local, first: View) -> io::Result<ScreenChannels> {
    let (views, asked) = watch::channel(first);
    let (answers, snapshots) = watch::channel(Arc::new(Snapshot::default()));
    let (questions, pending) = mpsc::channel(PENDING);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new()
        .name("source".to_owned())
        .spawn(move || runtime.block_on(local::answer_all(local, asked, answers, pending)))?;
    Ok(ScreenChannels { views, snapshots, questions })
}
