//! Passwords: which are good enough, and how they are hashed.

use crate::model::Password;

/// The cost of a new hash: 2^12 rounds, some 200 ms.
pub const COST: u32 = 12;

/// The fewest characters of a new password (NIST SP 800-63B; no rules on which characters they are).
const MIN_CHARS: usize = 12;

/// The most bytes: bcrypt looks at no more.
const MAX_BYTES: usize = 72;

/// Why a password is not accepted as a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// It has too few characters.
    #[error("the password has {0} characters: use at least {MIN_CHARS}")]
    TooShort(usize),
    /// It has too many bytes.
    #[error("the password has {0} bytes: use at most {MAX_BYTES}; a letter with an accent has 2, an emoji 4")]
    TooLong(usize),
    /// It has a NUL.
    #[error("the password contains the character NUL: leave it out")]
    Nul,
}

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is one that bcrypt would cut, or take for another.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// bcrypt failed: a cost that it does not know, or no randomness.
    #[error("cannot hash the password")]
    Bcrypt(#[source] bcrypt::BcryptError),
}

/// Checks that a password may become a user's.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn check_new_password(password: &Password) -> Result<(), WeakPassword> {
    match password.expose().chars().count() {
        chars if chars < MIN_CHARS => Err(WeakPassword::TooShort(chars)),
        _ => check_hashable(password.expose()),
    }
}

/// The hash of a password, in bcrypt's form `$2b$`.
///
/// # Errors
/// It has more than 72 bytes or a NUL, or bcrypt fails.
pub fn hash(password: &Password, cost: u32) -> Result<String, PasswordError> {
    let password = password.expose();
    check_hashable(password)?;
    // The crate calls 72 bytes too long, as the NUL that ends a password does not fit behind them. Nothing of the
    // password is cut, and no other password has the same 72 bytes, since none holds a NUL.
    let hash = if password.len() == MAX_BYTES { bcrypt::hash } else { bcrypt::non_truncating_hash };
    hash(password, cost).map_err(PasswordError::Bcrypt)
}

/// Whether a hash is that of a password. Each call does the work of one bcrypt at the cost of the hash.
///
/// What no hash was ever made of is never right: more than 72 bytes, which bcrypt would cut, and a NUL, with which
/// `a NUL a` looks like `a`, since bcrypt repeats a password and its NUL until they fill its key.
pub fn verify(password: &Password, hash: &str) -> bool {
    let password = password.expose();
    if check_hashable(password).is_err() {
        let _ = bcrypt::non_truncating_verify("", hash);
        return false;
    }
    let verify = if password.len() == MAX_BYTES { bcrypt::verify } else { bcrypt::non_truncating_verify };
    verify(password, hash).unwrap_or(false)
}

/// Does the work of a wrong password for a user that does not exist, so that the time does not tell that it does not.
pub fn verify_nobody(password: &Password, cost: u32) -> bool {
    let _ = verify(password, &nobody_hash(cost));
    false
}

/// A hash of nothing that anyone knows: well-formed, since bcrypt refuses others without doing any work.
fn nobody_hash(cost: u32) -> String {
    format!("$2b${cost:02}$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01232")
}

fn check_hashable(password: &str) -> Result<(), WeakPassword> {
    match password {
        long if long.len() > MAX_BYTES => Err(WeakPassword::TooLong(long.len())),
        nul if nul.contains('\0') => Err(WeakPassword::Nul),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST_COST: u32 = 4;

    fn password(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    fn check(text: &str) -> Result<(), WeakPassword> {
        check_new_password(&password(text))
    }

    #[test]
    fn a_new_password_has_12_characters_or_more_and_72_bytes_or_fewer() {
        assert_eq!(check("elevenchars"), Err(WeakPassword::TooShort(11)));
        assert_eq!(check("twelve chars"), Ok(()));
        assert_eq!(check(""), Err(WeakPassword::TooShort(0)));
        assert_eq!(check(&"x".repeat(72)), Ok(()));
        assert_eq!(check(&"x".repeat(73)), Err(WeakPassword::TooLong(73)));
        assert_eq!(check("a password\0with NUL"), Err(WeakPassword::Nul));
    }

    #[test]
    fn characters_of_four_bytes_count_once_as_characters_and_four_times_as_bytes() {
        assert_eq!(check(&"\u{1f511}".repeat(11)), Err(WeakPassword::TooShort(11)));
        assert_eq!(check(&"\u{1f511}".repeat(12)), Ok(()));
        assert_eq!(check(&"\u{1f511}".repeat(18)), Ok(()));
        assert_eq!(check(&"\u{1f511}".repeat(19)), Err(WeakPassword::TooLong(76)));
    }

    #[test]
    fn an_error_says_what_is_wrong_and_what_to_do() {
        let text = |e: WeakPassword| e.to_string();
        assert_eq!(text(WeakPassword::TooShort(3)), "the password has 3 characters: use at least 12");
        assert!(text(WeakPassword::TooLong(73)).starts_with("the password has 73 bytes: use at most 72"));
        assert!(text(WeakPassword::Nul).contains("leave it out"));
    }

    #[test]
    fn a_hash_is_that_of_its_password_alone() {
        for good in ["correct horse", &"x".repeat(71), &"x".repeat(72), &"\u{1f511}".repeat(18)] {
            let hash = hash(&password(good), TEST_COST).unwrap();
            assert!(hash.starts_with("$2b$04$") && hash.len() == 60);
            assert!(verify(&password(good), &hash), "{good}");
            for wrong in ["", "Correct horse", &format!("{good}x"), &good[..8], &format!("{good}\0")] {
                assert!(!verify(&password(wrong), &hash), "{good} {wrong:?}");
            }
        }
    }

    #[test]
    fn nothing_is_cut_and_nothing_stands_for_another() {
        let full = hash(&password(&"x".repeat(72)), TEST_COST).unwrap();
        assert!(!verify(&password(&"x".repeat(73)), &full));
        assert!(bcrypt::verify("x".repeat(73), &full).unwrap(), "bcrypt alone cuts");
        let short = hash(&password("a"), TEST_COST).unwrap();
        assert!(!verify(&password("a\0a"), &short));
        assert!(bcrypt::non_truncating_verify("a\0a", &short).unwrap(), "bcrypt alone repeats");
        assert!(matches!(hash(&password(&"x".repeat(73)), TEST_COST), Err(PasswordError::Weak(_))));
        assert!(matches!(hash(&password("a\0a"), TEST_COST), Err(PasswordError::Weak(_))));
    }

    #[test]
    fn a_hash_that_is_none_fits_no_password() {
        for hash in ["", "x", "$2b$04$short", "$2b$99$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01232"] {
            assert!(!verify(&password("correct horse"), hash), "{hash}");
        }
    }

    /// What bcrypt takes for well-formed is what it works for; the cost is the work.
    #[test]
    fn an_unknown_user_costs_as_much_as_a_wrong_password() {
        let real = hash(&password("correct horse"), TEST_COST).unwrap();
        for hash in [real, nobody_hash(TEST_COST)] {
            assert_eq!(hash.parse::<bcrypt::HashParts>().unwrap().get_cost(), TEST_COST);
            assert!(!bcrypt::non_truncating_verify("wrong", &hash).unwrap());
            // In place of what would be refused without work.
            assert!(!bcrypt::non_truncating_verify("", &hash).unwrap());
        }
        for cost in [4, 10, COST, 14] {
            assert_eq!(nobody_hash(cost).parse::<bcrypt::HashParts>().unwrap().get_cost(), cost);
        }
        for any in ["", "correct horse", &"x".repeat(100)] {
            assert!(!verify_nobody(&password(any), TEST_COST));
        }
    }
}
