use std::collections::HashMap;
use std::sync::Arc;

use majlis_livekit_ffi::{ConnectOptions, Joined, Method, Room, StreamOptions};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::Hall;
use crate::hall::until;

/// An agent that is played by a test, to see whether guests behave: it sends speech and notes what it is asked.
pub struct Agent {
    room: Arc<Room>,
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
    tasks: Vec<JoinHandle<()>>,
    handle: tokio::runtime::Handle,
}

impl Hall {
    /// An agent joins with this token.
    ///
    /// # Panics
    /// It is not let in.
    #[must_use]
    pub fn agent(&self, token: &str) -> Agent {
        let (url, options) = (self.server.url(), ConnectOptions::default());
        let joined = self.wait("joining", Room::connect(&self.ffi, &url, token, &options));
        let Joined { room, mut events, .. } = joined.unwrap_or_else(|error| panic!("an agent is not let in: {error}"));
        let (room, asked) = (Arc::new(room), Arc::<Mutex<Vec<_>>>::default());
        let methods = ["lk.playback_started", "lk.playback_finished"];
        let mut tasks: Vec<JoinHandle<()>> = methods
            .into_iter()
            .map(|name| {
                let method = room.register_rpc(name).expect("it can be asked");
                self.runtime.spawn(note(name, method, Arc::clone(&asked)))
            })
            .collect();
        tasks.push(self.runtime.spawn(async move { while events.next().await.is_some() {} }));
        Agent { room, asked, tasks, handle: self.runtime.handle().clone() }
    }
}

async fn note(name: &'static str, mut method: Method, asked: Arc<Mutex<Vec<(String, String, String)>>>) {
    while let Some(invocation) = method.next().await {
        asked.lock().push((name.to_owned(), invocation.caller.clone(), invocation.payload.clone()));
        // Whoever asked may be gone.
        let _ = invocation.answer(Ok(String::new()));
    }
}

impl Agent {
    /// Sends a speech, whole and faster than it is played.
    ///
    /// # Panics
    /// It is not taken.
    pub fn speak(&self, to: &str, rate: u32, samples: &[i16]) {
        let attributes = [("sample_rate", rate.to_string()), ("num_channels", "1".to_owned())];
        let options = StreamOptions {
            topic: "lk.audio_stream".into(),
            name: Some("AUDIO_test".into()),
            to: vec![to.to_owned()],
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<HashMap<_, _>>(),
            total_length: None,
        };
        self.handle.block_on(async {
            let mut writer = self.room.open_bytes(&options).await.expect("a stream");
            for piece in samples.chunks(4_800) {
                let bytes: Vec<u8> = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
                writer.write(bytes).await.expect("it is taken");
            }
            writer.close().await.expect("it is whole");
        });
    }

    /// What it was asked: method, by whom, with what.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, String, String)> {
        self.asked.lock().clone()
    }

    /// Waits until this holds.
    ///
    /// # Panics
    /// It does not in a minute.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        until(what, || is_so(self), || format!("asked {:?}", self.asked()));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
