//! A body that can be taken away. With HTTP/2 a server asks for nothing more while its client takes nothing, and would
//! hold all that the body holds until the client leaves.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body, until it is taken away.
pub struct Removable<B>(Slot<B>);

type Slot<B> = Arc<Mutex<Option<B>>>;

impl<B: Send + 'static> Removable<B> {
    /// The body, and what takes it away: what it holds is dropped then, and its client sees that it breaks off.
    pub fn new(body: B) -> (Self, impl FnOnce() + Send + 'static) {
        let slot = Arc::new(Mutex::new(Some(body)));
        let weak = Arc::downgrade(&slot);
        let remove = move || {
            // It is dropped behind the lock.
            let body = weak.upgrade().and_then(|slot| lock(&slot).take());
            drop(body);
        };
        (Self(slot), remove)
    }
}

fn lock<B>(slot: &Slot<B>) -> MutexGuard<'_, Option<B>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes, Error = io::Error> + Unpin> Body for Removable<B> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match lock(&self.0).as_mut() {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(Err(io::Error::other("the answer was cut")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).as_ref().is_some_and(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    #[tokio::test]
    async fn what_is_taken_away_is_dropped_though_nobody_asks_for_more() {
        let held = Arc::new(());
        let pieces = futures_util::stream::repeat_with({
            let held = held.clone();
            move || {
                let _held = &held;
                Ok(Frame::data(Bytes::from_static(b"x")))
            }
        });
        let (mut body, remove) = Removable::new(StreamBody::new(pieces));
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
        assert_eq!(Arc::strong_count(&held), 2);
        remove();
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(!body.is_end_stream(), "it must not look complete");
        assert!(body.frame().await.is_some_and(|frame| frame.is_err()));
    }

    #[test]
    fn what_is_over_cannot_be_taken_away() {
        let (body, remove) = Removable::new(http_body_util::Empty::<Bytes>::new());
        drop(body);
        remove();
    }
}
