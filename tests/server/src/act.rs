use std::time::Duration;

/// What the server does with one request.
#[derive(Clone, Debug)]
pub struct Act {
    pub(crate) what: What,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) first_byte: Duration,
    pub(crate) between: Duration,
    pub(crate) stall_after: Option<usize>,
    pub(crate) cut_after: Option<usize>,
    pub(crate) streamed: bool,
    pub(crate) tokens: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A completion with this text, which ends for this reason.
    Say { text: String, reason: &'static str },
    /// A completion whose author refuses.
    Refusal,
    /// So many milliseconds of a tone.
    Sound { millis: u32 },
    /// What a vendor of avatars answers when all is well.
    Session,
    /// This status, with this body.
    Status { status: u16, content_type: &'static str, body: String },
    /// A good head, and then so many bytes.
    Huge { bytes: u64 },
}

impl Act {
    fn new(what: What) -> Self {
        Self {
            what,
            headers: Vec::new(),
            first_byte: Duration::ZERO,
            between: Duration::ZERO,
            stall_after: None,
            cut_after: None,
            streamed: true,
            tokens: 120,
        }
    }

    /// The model says this.
    pub fn say(text: impl Into<String>) -> Self {
        Self::new(What::Say { text: text.into(), reason: "stop" })
    }

    /// The model says this and is stopped by the limit of tokens.
    pub fn too_long(text: impl Into<String>) -> Self {
        Self::new(What::Say { text: text.into(), reason: "length" })
    }

    /// The model begins to say this and the vendor's filter stops it.
    pub fn filtered(text: impl Into<String>) -> Self {
        Self::new(What::Say { text: text.into(), reason: "content_filter" })
    }

    /// The model refuses.
    #[must_use]
    pub fn refusal() -> Self {
        Self::new(What::Refusal)
    }

    /// A tone, 24 kHz, one channel, signed 16-bit.
    #[must_use]
    pub fn sound(millis: u32) -> Self {
        Self::new(What::Sound { millis })
    }

    /// A vendor of avatars starts a session, or does whatever else it is asked for, and says so.
    #[must_use]
    pub fn session() -> Self {
        Self::new(What::Session)
    }

    /// An error as vendors write it. The body can be replaced.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let body =
            format!(r#"{{"error":{{"message":"as the test wants","type":"test","param":null,"code":"{status}"}}}}"#);
        Self::new(What::Status { status, content_type: "application/json", body })
    }

    /// A good head and a body that is no JSON.
    #[must_use]
    pub fn garbage() -> Self {
        Self::status(200).body("{\"choices\": [").unstreamed()
    }

    /// A good head and a web page, as of a portal that wants somebody to log in.
    #[must_use]
    pub fn page() -> Self {
        Self::new(What::Status { status: 200, content_type: "text/html", body: "<html>Welcome to our network".into() })
    }

    /// A good head and so many bytes of a body without end.
    #[must_use]
    pub fn huge(bytes: u64) -> Self {
        Self::new(What::Huge { bytes })
    }

    /// It sends elsewhere.
    #[must_use]
    pub fn redirect(to: &str) -> Self {
        Self::status(307).header("location", to)
    }

    /// With this body, for a status.
    #[must_use]
    pub fn body(mut self, text: &str) -> Self {
        if let What::Status { body, .. } = &mut self.what {
            text.clone_into(body);
        }
        self
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The head comes so late.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.first_byte = time;
        self
    }

    /// So long passes between two pieces of the body.
    #[must_use]
    pub fn slowly(mut self, between: Duration) -> Self {
        self.between = between;
        self
    }

    /// After so many pieces of the body nothing comes any more, and the connection stays open.
    #[must_use]
    pub fn stalling_after(mut self, pieces: usize) -> Self {
        self.stall_after = Some(pieces);
        self
    }

    /// After so many pieces of the body the connection breaks.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.cut_after = Some(pieces);
        self
    }

    /// In one piece, though it was asked to come in many.
    #[must_use]
    pub fn unstreamed(mut self) -> Self {
        self.streamed = false;
        self
    }

    /// It says that it used so many tokens.
    #[must_use]
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.tokens = tokens;
        self
    }
}
