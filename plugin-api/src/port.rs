use std::marker::PhantomData;

/// An input of a stage and the type of its packets. [`manifest!`](crate::manifest!) makes one for each.
pub struct In<T> {
    index: u32,
    packet_type: PhantomData<fn() -> T>,
}

/// An output of a stage and the type of its packets. [`manifest!`](crate::manifest!) makes one for each.
pub struct Out<T> {
    index: u32,
    packet_type: PhantomData<fn(T)>,
}

macro_rules! port {
    ($port:ident) => {
        impl<T> $port<T> {
            /// The port at this place of the manifest.
            #[doc(hidden)]
            #[must_use]
            pub const fn at(index: u32) -> Self {
                Self { index, packet_type: PhantomData }
            }

            /// Its place in the manifest.
            #[must_use]
            pub const fn index(self) -> u32 {
                self.index
            }
        }
        impl<T> Clone for $port<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $port<T> {}
    };
}
port!(In);
port!(Out);

/// An output whose packet type does not matter.
pub trait AnyOut {
    /// Its place in the manifest.
    fn output_index(&self) -> u32;
}

impl<T> AnyOut for Out<T> {
    fn output_index(&self) -> u32 {
        self.index
    }
}

/// Which input an event came by: compare it with `input::NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InName(pub(crate) u32);

impl InName {
    /// Its place in the manifest.
    #[must_use]
    pub fn index(self) -> u32 {
        self.0
    }

    /// Whether it is this input.
    #[must_use]
    pub fn is<T>(self, port: In<T>) -> bool {
        self.0 == port.index
    }
}
