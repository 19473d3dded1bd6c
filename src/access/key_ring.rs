//! Access tokens: JWTs (RFC 9068, RFC 8725) that central signs for its users and that nobody else can make.

use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Value, json};

use super::jwt::{AccessClaims, InvalidToken, WrittenClaims};
use super::jwt_key::{JwtError, SigningKey, VerifyingKey};
use crate::model::{SessionId, Token, UserId};

/// The type of the token, so that no other kind of JWT passes for one (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// The most bytes of a token; ours have some 800.
const MAX_BYTES: usize = 4 << 10;

/// The keys of central, and whose tokens it makes: one key signs, and some are accepted.
#[derive(Clone, Debug)]
pub struct KeyRing {
    signing: SigningKey,
    accepted: Vec<VerifyingKey>,
    issuer: String,
    audience: String,
}

impl KeyRing {
    /// `accepted` are the keys besides the signing one: the previous or the next one of a rotation.
    pub fn new(signing: SigningKey, mut accepted: Vec<VerifyingKey>, issuer: String, audience: String) -> Self {
        accepted.retain(|key| key.kid() != signing.kid());
        accepted.sort_by(|a, b| a.kid().cmp(b.kid()));
        accepted.dedup_by(|a, b| a.kid() == b.kid());
        Self { signing, accepted, issuer, audience }
    }

    /// The public keys, the signing one first, as a JWK set (RFC 7517, section 5).
    pub fn jwks(&self) -> Value {
        json!({"keys": self.keys().map(VerifyingKey::jwk).collect::<Vec<_>>()})
    }

    /// The claims of a token for a session that is valid from now on for so many seconds.
    pub fn claims(&self, sub: UserId, sid: SessionId, now: Timestamp, seconds: u32) -> AccessClaims {
        let now = whole_seconds(now);
        AccessClaims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub,
            sid,
            jti: uuid::Uuid::now_v7().to_string(),
            iat: now,
            nbf: now,
            exp: Timestamp::from_second(now.as_second().saturating_add(seconds.into())).unwrap_or(Timestamp::MAX),
        }
    }

    /// Signs a token.
    ///
    /// # Errors
    /// The system's cryptography failed.
    pub fn issue(&self, claims: AccessClaims) -> Result<Token, JwtError> {
        let written = WrittenClaims::from(claims);
        let signed = jsonwebtoken::encode(&header(self.signing.kid()), &written, &self.signing.key);
        Ok(Token::from(signed.map_err(JwtError::Sign)?))
    }

    /// Checks a token, and says what it says.
    ///
    /// # Errors
    /// It is not one that this ring's keys have signed, for this central and for now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, InvalidToken> {
        if token.len() > MAX_BYTES {
            return Err(InvalidToken::TooLong);
        }
        let shown = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            // No JSON, or an algorithm that the library does not know, such as none.
            ErrorKind::Json(_) => InvalidToken::Header,
            _ => InvalidToken::NoJwt,
        })?;
        // The name is compared with those of the ring, and is nothing else: no URL, and no path.
        let key = self.keys().find(|key| shown.kid.as_deref() == Some(key.kid())).ok_or(InvalidToken::UnknownKey)?;
        // The header has to be ours in whole: no other algorithm, and no `crit`, `jku`, `jwk` or `x5u`.
        if shown != header(key.kid()) {
            return Err(InvalidToken::Header);
        }
        let written = jsonwebtoken::decode::<WrittenClaims>(token, &key.key, &self.validation());
        let written = written.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => InvalidToken::Signature,
            ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => InvalidToken::Foreign,
            ErrorKind::Json(_) | ErrorKind::MissingRequiredClaim(_) | ErrorKind::Utf8(_) => InvalidToken::Claims,
            _ => InvalidToken::NoJwt,
        })?;
        let claims = written.claims;
        // The library accepts lists too.
        if claims.iss != self.issuer || claims.aud != self.audience {
            return Err(InvalidToken::Foreign);
        }
        claims.at(now)
    }

    /// What the library checks. The times are checked elsewhere, with the same clock that signs.
    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.validate_exp = false;
        validation
    }

    fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        std::iter::once(self.signing.verifying_key()).chain(&self.accepted)
    }
}

/// The only header that this program writes and accepts.
fn header(kid: &str) -> Header {
    Header { typ: Some(TYPE.into()), kid: Some(kid.into()), ..Header::new(Algorithm::RS256) }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    //! Tokens that must be accepted, and the many that must not.

    use std::sync::LazyLock;

    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use jsonwebtoken::EncodingKey;
    use secrecy::{ExposeSecret as _, SecretString};

    use super::super::jwt_key::generate_signing_key_pem;
    use super::*;

    /// Making a key takes a while.
    static PEM: LazyLock<SecretString> = LazyLock::new(|| generate_signing_key_pem().unwrap());
    static OTHER_PEM: LazyLock<SecretString> = LazyLock::new(|| generate_signing_key_pem().unwrap());

    const ISSUER: &str = "https://mk8s.example.com";
    const AUDIENCE: &str = "mk8s";
    const NOW: i64 = 1_800_000_000;

    fn signing(pem: &SecretString) -> SigningKey {
        SigningKey::from_pem(pem).unwrap()
    }

    fn verifying(pem: &SecretString) -> VerifyingKey {
        VerifyingKey::from_pem(pem).unwrap()
    }

    fn ring_of(pem: &SecretString, accepted: &[&SecretString]) -> KeyRing {
        let accepted = accepted.iter().map(|pem| verifying(pem)).collect();
        KeyRing::new(signing(pem), accepted, ISSUER.into(), AUDIENCE.into())
    }

    fn ring() -> KeyRing {
        ring_of(&PEM, &[])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn claims() -> AccessClaims {
        ring().claims(UserId::generate(), SessionId::generate(), at(NOW), 600)
    }

    fn good_header() -> Value {
        json!({"typ": "at+jwt", "alg": "RS256", "kid": signing(&PEM).kid()})
    }

    fn good_claims() -> Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": UserId::generate(), "sid": SessionId::generate(), "jti": "1",
            "iat": NOW, "nbf": NOW, "exp": NOW + 600,
        })
    }

    fn with(mut object: Value, member: &str, value: Value) -> Value {
        object[member] = value;
        object
    }

    fn without(mut object: Value, member: &str) -> Value {
        object.as_object_mut().unwrap().remove(member).unwrap();
        object
    }

    /// Signs what no ring would.
    fn forge(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
        let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// What the ring says of a token that its own key has signed.
    fn verdict(header: &Value, claims: &Value) -> Result<AccessClaims, InvalidToken> {
        verdict_of_text(header, &claims.to_string())
    }

    fn verdict_of_text(header: &Value, claims: &str) -> Result<AccessClaims, InvalidToken> {
        let token = forge(&header.to_string(), claims, &signing(&PEM).key, Algorithm::RS256);
        ring().verify(&token, at(NOW))
    }

    #[test]
    fn a_token_says_what_it_was_made_with() {
        let claims = claims();
        assert_eq!((claims.iat, claims.nbf, claims.exp), (at(NOW), at(NOW), at(NOW + 600)));
        let token = ring().issue(claims.clone()).unwrap();
        assert_eq!(ring().verify(token.expose(), at(NOW + 599)), Ok(claims));
        assert!(token.expose().len() < 1000, "{}", token.expose().len());
        assert!(verdict(&good_header(), &good_claims()).is_ok(), "the forger can make a good one");
        let later =
            ring().claims(UserId::generate(), SessionId::generate(), "2030-01-01T00:00:00.9Z".parse().unwrap(), 60);
        assert_eq!(later.exp, "2030-01-01T00:01:00Z".parse().unwrap());
        assert_eq!(ring().verify(ring().issue(later.clone()).unwrap().expose(), later.iat), Ok(later));
    }

    #[test]
    fn times_are_kept_with_30_seconds_of_leeway() {
        let token = ring().issue(claims()).unwrap();
        let verdict_at = |now: i64| ring().verify(token.expose(), at(now)).map(|_| ());
        assert_eq!(verdict_at(NOW + 600 + 29), Ok(()));
        assert_eq!(verdict_at(NOW + 600 + 30), Err(InvalidToken::Expired));
        assert_eq!(verdict_at(NOW - 30), Ok(()));
        assert_eq!(verdict_at(NOW - 31), Err(InvalidToken::NotYet));
        for claim in ["nbf", "iat"] {
            let future = verdict(&good_header(), &with(good_claims(), claim, json!(NOW + 31)));
            assert_eq!(future, Err(InvalidToken::NotYet), "{claim}");
        }
    }

    #[test]
    fn every_claim_is_required() {
        for claim in ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"] {
            let missing = verdict(&good_header(), &without(good_claims(), claim));
            assert_eq!(missing, Err(InvalidToken::Claims), "{claim}");
            let null = verdict(&good_header(), &with(good_claims(), claim, Value::Null));
            assert_eq!(null, Err(InvalidToken::Claims), "{claim}");
        }
        let more = verdict(&good_header(), &with(good_claims(), "roles", json!(["admin"])));
        assert_eq!(more, Err(InvalidToken::Claims));
    }

    /// CVE-2026-25537: a time that was no number counted as absent.
    #[test]
    fn a_time_is_a_whole_number() {
        let odd = [
            json!("9e9"),
            json!((NOW + 600).to_string()),
            json!(null),
            json!(-1),
            json!(1e300),
            json!(1_800_000_600.5),
            json!(u64::MAX),
            json!(i64::MAX),
            json!([NOW + 600]),
            json!({}),
            json!(true),
        ];
        for claim in ["exp", "nbf", "iat"] {
            for value in &odd {
                let verdict = verdict(&good_header(), &with(good_claims(), claim, value.clone()));
                assert_eq!(verdict, Err(InvalidToken::Claims), "{claim}: {value}");
            }
        }
        let text = good_claims().to_string();
        for odd in ["NaN", "Infinity", "1e999", "0x7fffffff"] {
            let claims = text.replace(&(NOW + 600).to_string(), odd);
            assert_eq!(verdict_of_text(&good_header(), &claims), Err(InvalidToken::Claims), "{odd}");
        }
        let twice = text.replacen('{', "{\"exp\":9999999999,", 1);
        assert_eq!(verdict_of_text(&good_header(), &twice), Err(InvalidToken::Claims));
    }

    #[test]
    fn ids_are_ids() {
        for claim in ["sub", "sid"] {
            for odd in [json!(""), json!("admin"), json!(1), json!(["x"])] {
                assert_eq!(
                    verdict(&good_header(), &with(good_claims(), claim, odd)),
                    Err(InvalidToken::Claims),
                    "{claim}"
                );
            }
        }
    }

    #[test]
    fn another_central_is_not_this_one() {
        for (claim, value) in [
            ("iss", "https://evil.example.com"),
            ("iss", "https://mk8s.example.com/"),
            ("iss", ""),
            ("aud", "other"),
            ("aud", "MK8S"),
        ] {
            let foreign = verdict(&good_header(), &with(good_claims(), claim, json!(value)));
            assert_eq!(foreign, Err(InvalidToken::Foreign), "{claim} {value}");
        }
        for claim in ["iss", "aud"] {
            let both = json!([good_claims()[claim], "other"]);
            assert!(verdict(&good_header(), &with(good_claims(), claim, both)).is_err(), "{claim}");
            let alone = json!([good_claims()[claim]]);
            assert!(verdict(&good_header(), &with(good_claims(), claim, alone)).is_err(), "{claim}");
        }
    }

    #[test]
    fn no_algorithm_but_rs256_with_our_key() {
        let claims = good_claims().to_string();
        let [head, body] = [good_header().to_string(), claims.clone()].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        for none in ["none", "None", "NONE", ""] {
            let header = BASE64_URL_SAFE_NO_PAD.encode(with(good_header(), "alg", json!(none)).to_string());
            for token in [format!("{header}.{body}."), format!("{header}.{body}.AAAA")] {
                assert_eq!(ring().verify(&token, at(NOW)), Err(InvalidToken::Header), "{none}");
            }
        }
        assert_eq!(ring().verify(&format!("{head}.{body}."), at(NOW)), Err(InvalidToken::Signature));

        // The public key is no secret, in whichever form it is taken for one.
        let key = signing(&PEM);
        let jwk = key.verifying_key().jwk();
        for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned(), PEM.expose_secret().to_owned()] {
            for header in [with(good_header(), "alg", json!("HS256")), good_header()] {
                let hmac = EncodingKey::from_secret(secret.as_bytes());
                let token = forge(&header.to_string(), &claims, &hmac, Algorithm::HS256);
                assert!(ring().verify(&token, at(NOW)).is_err());
            }
        }

        for (name, algorithm) in [("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512), ("PS256", Algorithm::PS256)]
        {
            let header = with(good_header(), "alg", json!(name));
            let token = forge(&header.to_string(), &claims, &key.key, algorithm);
            assert_eq!(ring().verify(&token, at(NOW)), Err(InvalidToken::Header), "{name}");
            let disguised = forge(&good_header().to_string(), &claims, &key.key, algorithm);
            assert_eq!(ring().verify(&disguised, at(NOW)), Err(InvalidToken::Signature), "{name}");
        }
    }

    #[test]
    fn the_key_is_one_of_the_ring() {
        let other = signing(&OTHER_PEM);
        let foreign = with(good_header(), "kid", json!(other.kid())).to_string();
        let token = forge(&foreign, &good_claims().to_string(), &other.key, Algorithm::RS256);
        assert_eq!(ring().verify(&token, at(NOW)), Err(InvalidToken::UnknownKey));
        let borrowed = forge(&good_header().to_string(), &good_claims().to_string(), &other.key, Algorithm::RS256);
        assert_eq!(ring().verify(&borrowed, at(NOW)), Err(InvalidToken::Signature));
        for kid in
            ["", "../../dev/null", "/proc/self/environ", "https://evil.example.com/jwks.json", "' OR 1=1 --", "*"]
        {
            assert_eq!(verdict(&with(good_header(), "kid", json!(kid)), &good_claims()), Err(InvalidToken::UnknownKey));
        }
        assert_eq!(verdict(&without(good_header(), "kid"), &good_claims()), Err(InvalidToken::UnknownKey));
        assert!(verdict(&with(good_header(), "kid", json!([signing(&PEM).kid()])), &good_claims()).is_err());
    }

    #[test]
    fn a_key_is_accepted_for_as_long_as_it_is_in_the_ring() {
        let token = ring().issue(claims()).unwrap();
        let public = verifying(&PEM);
        let rotated = KeyRing::new(signing(&OTHER_PEM), vec![public.clone(), public], ISSUER.into(), AUDIENCE.into());
        assert!(rotated.verify(token.expose(), at(NOW)).is_ok());
        assert!(ring_of(&PEM, &[&OTHER_PEM]).verify(rotated.issue(claims()).unwrap().expose(), at(NOW)).is_ok());
        let retired = ring_of(&OTHER_PEM, &[]);
        assert_eq!(retired.verify(token.expose(), at(NOW)), Err(InvalidToken::UnknownKey));
    }

    #[test]
    fn the_header_is_ours_in_whole() {
        for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", ""] {
            let other = verdict(&with(good_header(), "typ", json!(typ)), &good_claims());
            assert_eq!(other, Err(InvalidToken::Header), "{typ}");
        }
        assert_eq!(verdict(&without(good_header(), "typ"), &good_claims()), Err(InvalidToken::Header));
        for (member, value) in [
            ("crit", json!(["exp"])),
            ("jku", json!("https://evil.example.com/jwks.json")),
            ("x5u", json!("https://evil.example.com/chain.pem")),
            ("x5c", json!(["AAAA"])),
            ("jwk", signing(&OTHER_PEM).verifying_key().jwk()),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
        ] {
            let more = verdict(&with(good_header(), member, value), &good_claims());
            assert_eq!(more, Err(InvalidToken::Header), "{member}");
        }
    }

    #[test]
    fn what_was_changed_is_refused() {
        let token = ring().issue(claims()).unwrap();
        let token = token.expose();
        let parts: Vec<&str> = token.split('.').collect();
        let other = BASE64_URL_SAFE_NO_PAD.encode(good_claims().to_string());
        let changed = [
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}."),
            format!("{token}.{}", parts[2]),
            format!("{token}="),
            format!(" {token}"),
            format!("{token}\n"),
            format!("Bearer {token}"),
            token.replace('.', ".."),
            String::new(),
            ".".into(),
            "..".into(),
            "é.é.é".into(),
            "\0.\0.\0".into(),
        ];
        for changed in changed {
            assert!(ring().verify(&changed, at(NOW)).is_err(), "{changed}");
        }
        let long = format!("{}.{}.{}", parts[0], "A".repeat(4 << 10), parts[2]);
        assert_eq!(ring().verify(&long, at(NOW)), Err(InvalidToken::TooLong));
        let nested = "[".repeat(2900);
        assert!(verdict_of_text(&good_header(), &nested).is_err());
    }

    #[test]
    fn the_public_keys_are_published_and_nothing_else() {
        let ring = ring_of(&PEM, &[&OTHER_PEM, &PEM, &OTHER_PEM]);
        let jwks = ring.jwks();
        let kids: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
        assert_eq!(kids, [signing(&PEM).kid(), signing(&OTHER_PEM).kid()]);
        for key in jwks["keys"].as_array().unwrap() {
            let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
            assert_eq!(
                (&key["alg"], &key["use"], &key["kty"], &key["e"]),
                (&json!("RS256"), &json!("sig"), &json!("RSA"), &json!("AQAB"))
            );
        }
        // Whoever reads the set can verify with it.
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(set.find(signing(&PEM).kid()).unwrap()).unwrap();
        let token = ring.issue(claims()).unwrap();
        assert!(jsonwebtoken::decode::<Value>(token.expose(), &key, &ring.validation()).is_ok());
    }
}
