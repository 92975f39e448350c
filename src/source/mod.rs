//! Who answers a view. The screen sends views and gets snapshots; where they
//! come from it cannot tell.

mod attached;
mod local;

pub use attached::attach;
pub use local::{Local, SourceQuestion};

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::snapshot::{Snapshot, View};

/// Questions besides the standing view that may wait, such as saving.
const PENDING: usize = 8;

/// The ends that a screen holds.
pub struct ScreenChannels {
    /// The standing view; a change is answered at once.
    pub views: watch::Sender<View>,
    /// The newest answer.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Single questions.
    pub questions: mpsc::Sender<SourceQuestion>,
}

/// Starts a thread that evaluates the limits and answers, about once a second
/// and when asked, until the screen's ends are dropped.
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
