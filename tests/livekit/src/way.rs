//! Ways to a server, so that it can be near, far, or out of reach.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Server;

/// A way to something that listens: whatever is sent over a new connection arrives later by its length. Media finds its own way.
/// Dropped, it is closed, and what goes over it with it.
pub struct Way {
    place: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_closed: AtomicBool,
    /// Nothing comes through for a while.
    is_shut: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Way {
    /// To a server.
    ///
    /// # Panics
    /// The loopback interface has no free port.
    #[must_use]
    pub fn to(server: &Server, length: Duration) -> Self {
        let there = server.url().replace("ws://", "");
        Self::each(move |near, shared| {
            std::thread::sleep(length);
            let Ok(far) = TcpStream::connect(&there) else { return };
            let (Ok(back), Ok(forth)) = (far.try_clone(), near.try_clone()) else { return };
            shared.keep(&far);
            std::thread::spawn(move || copy(near, far));
            copy(back, forth);
        })
    }

    /// To one who answers every question with this JSON.
    ///
    /// # Panics
    /// As [`Way::to`].
    #[must_use]
    pub fn to_an_answer(json: String) -> Self {
        Self::each(move |mut stream, _| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            // Whoever asks in more than one piece asks for more than a test does.
            let _ = stream.read(&mut [0; 4_096]);
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{json}", json.len());
        })
    }

    fn each(serve: impl Fn(TcpStream, &Shared) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let (place, shared) = (listener.local_addr().expect("a bound socket"), Arc::<Shared>::default());
        let held = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if held.is_closed.load(Ordering::SeqCst) {
                    return;
                }
                if held.is_shut.load(Ordering::SeqCst) {
                    continue;
                }
                held.keep(&stream);
                let (serve, held) = (serve.clone(), Arc::clone(&held));
                std::thread::spawn(move || serve(stream, &held));
            }
        });
        Self { place, shared, accepting: Some(accepting) }
    }

    /// Where it begins.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.place)
    }

    /// Nothing comes through any more.
    pub fn close(self) {}

    /// Nothing comes through until [`Way::reopen`].
    pub fn shut(&self) {
        self.shared.is_shut.store(true, Ordering::SeqCst);
        self.shared.end();
    }

    /// Something comes through again.
    pub fn reopen(&self) {
        self.shared.is_shut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // It waits for somebody: that is us.
        let _ = TcpStream::connect(self.place);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.shared.end();
    }
}

impl Shared {
    fn streams(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        for stream in self.streams().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn keep(&self, stream: &TcpStream) {
        self.streams().extend(stream.try_clone());
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    // It ends when one of them does.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
