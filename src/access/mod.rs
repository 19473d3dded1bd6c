//! Pure rules: who calls, what they may do, and the proof that it was checked.

mod authorized;
mod caller;
mod secret_token;

pub use authorized::{Authorized, authorize};
pub use caller::Caller;
pub use secret_token::{TokenHash, generate_agent_token};
