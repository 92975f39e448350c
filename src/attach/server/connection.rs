//! One connection, from its hello to its end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SndBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::answers::refusal;
use super::shared::{AttachEvent, OutFrame, Outbox, ServerShared};
use crate::attach::frame::{FrameDecoder, FrameError, Hello, Reply, Request, Tagged, encode};
use crate::attach::scheduler::ClientId;
use crate::attach::{MAX_QUESTIONS, MAX_ROWS, MAX_STANDING_ROWS};
use crate::flow::NetworkGroups;
use crate::snapshot::View;

/// Minimum interval between requests of one client: shorter than key repeat, and long enough that
/// no client keeps the thread busy.
const REQUEST_PACE: Duration = Duration::from_millis(10);

/// Size of the kernel's send buffer for a client: the smallest possible (4608 bytes, a few of the
/// smallest answers), so that a client that does not read is noticed soon.
const SEND_BUFFER: usize = 2 << 10;

/// Number of bytes read at once.
const READ: usize = 4 << 10;

/// Why the server closes a connection.
#[derive(Debug, thiserror::Error)]
enum CloseReason {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the client has not read its answer for {0} s")]
    Stalled(u64),
    #[error("the client has not finished a request for {0} s")]
    HalfRequest(u64),
    #[error("{0}")]
    Refused(String),
}

/// A connected client. It is removed from the state when this is dropped, for any reason.
struct Connection {
    shared: Arc<ServerShared>,
    id: ClientId,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let outbox = {
            let mut state = self.shared.state();
            state.pending.retain(|(id, _)| *id != self.id);
            state.scheduler.leave(self.id);
            state.outboxes.remove(&self.id)
        };
        // Dropping a large answer in the outbox locks the state again.
        drop(outbox);
        self.shared.work.notify_all();
    }
}

/// Serves a connection until either side closes it.
pub(super) async fn serve(shared: Arc<ServerShared>, id: ClientId, stream: UnixStream) {
    let connection = Connection { shared, id };
    let shared = &connection.shared;
    let peer = stream.peer_cred();
    // If this fails, a client that does not read is noticed later.
    let _ = setsockopt(&stream, SndBuf, &SEND_BUFFER);
    let (mut read, mut write) = stream.into_split();
    let mut decoder = FrameDecoder::default();
    let limits = &shared.service.limits;
    let names = (shared.service.groups)();
    let greeted = handshake(shared, &names, &mut decoder, &mut read, &mut write);
    let Ok(Ok(Some(first))) = timeout(limits.handshake, greeted).await else {
        shared.refused.fetch_add(1, Relaxed);
        return;
    };
    let (newest, answers) = watch::channel(None);
    let (out_frames, waiting) = mpsc::channel(MAX_QUESTIONS + 2);
    let outbox = Outbox { newest, out_frames: out_frames.clone() };
    if !connection.register(outbox) {
        shared.refused.fetch_add(1, Relaxed);
        let why = format!("{} screens are attached, which is the limit", limits.clients);
        let _ = timeout(limits.handshake, write.write_all(&refusal(why).frame)).await;
        return;
    }
    let tell = |event: AttachEvent| (shared.service.tell)(&event);
    if let Ok(peer) = peer {
        let (user, group, process) = (peer.uid(), peer.gid(), peer.pid());
        tell(AttachEvent::Attached { screen: id, user, group, process });
    }
    let writing = AtomicBool::new(false);
    let ended = tokio::select! {
        ended = connection.read_requests(first, &mut decoder, &mut read, &out_frames) => ended,
        ended = deliver((shared, id), names, &mut write, answers, waiting, &writing) => ended,
    };
    match ended {
        Err(CloseReason::Io(_)) | Ok(()) => tell(AttachEvent::Left { screen: id }),
        Err(fault) => {
            shared.cut_off.fetch_add(1, Relaxed);
            let why = fault.to_string();
            if !writing.into_inner() {
                // The client may want to know the reason, but the server does not wait for
                // it.
                let _ = write.try_write(&refusal(why.clone()).frame);
            }
            tell(AttachEvent::CutOff { screen: id, why });
        }
    }
}

/// Exchanges hellos and sends the named networks. Returns the first request.
async fn handshake(
    shared: &ServerShared,
    names: &Arc<NetworkGroups>,
    decoder: &mut FrameDecoder,
    read: &mut OwnedReadHalf,
    write: &mut OwnedWriteHalf,
) -> Result<Option<Request>, CloseReason> {
    write.write_all(&Hello::ours().bytes()).await?;
    loop {
        if let Some(hello) = decoder.hello()? {
            hello.check()?;
            break;
        }
        if !fill(decoder, read).await? {
            return Ok(None);
        }
    }
    write.write_all(&shared.welcome(names)?).await?;
    request(decoder, read, shared.service.limits.handshake).await
}

/// Reads available bytes; `false` at the end of the connection.
async fn fill(decoder: &mut FrameDecoder, read: &mut OwnedReadHalf) -> io::Result<bool> {
    let mut bytes = [0; READ];
    let count = read.read(&mut bytes).await?;
    decoder.push(bytes.get(..count).unwrap_or_default());
    Ok(count > 0)
}

/// Reads the next request; `None` at the end. A request that has begun must be completed
/// within
/// `limit`.
async fn request(
    decoder: &mut FrameDecoder,
    read: &mut OwnedReadHalf,
    limit: Duration,
) -> Result<Option<Request>, CloseReason> {
    loop {
        if let Some(request) = decoder.message()? {
            return Ok(Some(request));
        }
        if decoder.has_partial_message() {
            break;
        }
        if !fill(decoder, read).await? {
            return Ok(None);
        }
    }
    let rest = async {
        while fill(decoder, read).await? {
            if let Some(request) = decoder.message()? {
                return Ok(Some(request));
            }
        }
        Ok(None)
    };
    timeout(limit, rest).await.unwrap_or(Err(CloseReason::HalfRequest(limit.as_secs())))
}

impl Connection {
    /// Adds the outbox of this client, if the limit allows.
    fn register(&self, outbox: Outbox) -> bool {
        let mut state = self.shared.state();
        if state.outboxes.len() >= self.shared.service.limits.clients {
            return false;
        }
        state.pending.retain(|(id, _)| *id != self.id);
        state.outboxes.insert(self.id, outbox);
        true
    }

    /// Handles requests, beginning with the first.
    async fn read_requests(
        &self,
        first: Request,
        decoder: &mut FrameDecoder,
        read: &mut OwnedReadHalf,
        out_frames: &mpsc::Sender<OutFrame>,
    ) -> Result<(), CloseReason> {
        let stall = self.shared.service.limits.stall;
        let mut next = Some(first);
        while let Some(request_now) = next {
            match request_now {
                Request::Watch(view) => self.watch(view).map_err(CloseReason::Refused)?,
                Request::Ask(question) => self.ask(question).map_err(CloseReason::Refused)?,
                Request::Sync(folders) => {
                    let sync = self.shared.service.sync.clone();
                    let done = match folders.is_empty() {
                        true => true,
                        false => {
                            let done = tokio::task::spawn_blocking(move || sync(&folders)).await;
                            done.unwrap_or(false)
                        }
                    };
                    let frame = encode(&Reply::Synced(done))?.into();
                    // A client that asks repeatedly without reading may miss replies.
                    drop(out_frames.try_send(OutFrame { frame, _large: None, last: None }));
                }
            }
            self.shared.work.notify_all();
            tokio::time::sleep(REQUEST_PACE).await;
            next = request(decoder, read, stall).await?;
        }
        Ok(())
    }

    fn watch(&self, view: View) -> Result<(), String> {
        let view = checked(view, MAX_STANDING_ROWS)?;
        let mut state = self.shared.state();
        let ready = state.scheduler.watch(self.id, view, self.shared.now());
        if let (Some(frame), Some(outbox)) = (ready, state.outboxes.get(&self.id)) {
            drop(outbox.newest.send_replace(Some(frame)));
        }
        Ok(())
    }

    fn ask(&self, question: Tagged<View>) -> Result<(), String> {
        let Tagged { number, about } = question;
        let question = Tagged { number, about: checked(about, MAX_ROWS)? };
        let now = self.shared.now();
        if self.shared.state().scheduler.ask(self.id, question, now) {
            return Ok(());
        }
        Err(format!("expected at most {MAX_QUESTIONS} questions that wait for their answers"))
    }
}

/// Checks a view, and limits its rows.
fn checked(view: View, rows: usize) -> Result<View, String> {
    view.filter.check_live().map_err(|error| error.to_string())?;
    Ok(View { limit: view.limit.min(rows), ..view })
}

/// Writes single answers, and the newest answer to the view. Sends the named networks before them
/// when they have changed. `writing` is true while a frame is partly written.
async fn deliver(
    (shared, id): (&ServerShared, ClientId),
    mut names: Arc<NetworkGroups>,
    write: &mut OwnedWriteHalf,
    mut newest: watch::Receiver<Option<Arc<[u8]>>>,
    mut out_frames: mpsc::Receiver<OutFrame>,
    writing: &AtomicBool,
) -> Result<(), CloseReason> {
    loop {
        let (out_frame, is_newest) = tokio::select! {
            biased;
            Some(out_frame) = out_frames.recv() => (out_frame, false),
            changed = newest.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let Some(frame) = newest.borrow_and_update().clone() else { continue };
                (OutFrame { frame, _large: None, last: None }, true)
            }
        };
        if let Some(why) = out_frame.last {
            return Err(CloseReason::Refused(why));
        }
        writing.store(true, Relaxed);
        let now = (shared.service.groups)();
        let renewed = match Arc::ptr_eq(&now, &names) {
            true => Arc::default(),
            false => shared.welcome(&now)?,
        };
        names = now;
        let stall = shared.service.limits.stall;
        let sent = async {
            write.write_all(&renewed).await?;
            write.write_all(&out_frame.frame).await
        };
        let written = timeout(stall, sent).await;
        written.map_err(|_| CloseReason::Stalled(stall.as_secs()))??;
        writing.store(false, Relaxed);
        if is_newest {
            shared.state().scheduler.answer_taken(id);
            shared.work.notify_all();
        }
    }
}
