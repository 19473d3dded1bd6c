//! Pure rules: who calls, what they may do, and the proof that it was checked.

mod authorized;
mod built_in_roles;
mod caller;
mod early_refusal;
mod hasher;
mod jwt;
mod jwt_key;
mod key_ring;
pub mod password;
mod policy;
mod question;
mod role;
mod role_book;
mod secret_token;
mod shares;

pub use authorized::{Authorized, Denied, authorize};
pub use built_in_roles::built_in_roles;
pub use caller::{Caller, Credential};
pub use early_refusal::certain_refusal;
pub use hasher::{HashError, Hasher};
pub use jwt::{AccessClaims, InvalidToken};
pub use jwt_key::{JwtError, SigningKey, VerifyingKey, generate_signing_key_pem};
pub use key_ring::KeyRing;
pub use password::{COST, PasswordError, WeakPassword, check_new_password};
pub use policy::{Decision, InvalidPermission, Policy, check_permission, name_matches, rules_for};
pub use question::{InvalidQuestion, asked};
pub use role::{InvalidRole, check_role, everything};
pub use role_book::{Rights, RoleBook};
pub use secret_token::{
    RandomError, TokenHash, TokenKind, generate_agent_token, generate_api_token, generate_gate_token,
    generate_password, generate_refresh_token, next_refresh_token, random_bytes,
};
pub use shares::{Share, Shares};
