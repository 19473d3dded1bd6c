//! Access tokens that are not ours, or not any more.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::Central;

fn part(text: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64")).expect("JSON")
}

fn written(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn forged_tokens_are_refused() {
    let central = Central::start();
    let good = central.admin().text("access_token");
    central.get("/clusters", &good).expect(200);
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims) = (part(parts[0]), part(parts[1]));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("at+jwt")));
    let pem = fs::read(central.dir.path().join("data/keys/signing.pem")).expect("the key");
    let key = EncodingKey::from_rsa_pem(&pem).expect("RSA");
    let signed = |change: &dyn Fn(&mut Header, &mut Value)| {
        let mut head: Header = serde_json::from_value(header.clone()).expect("header");
        let mut claims = claims.clone();
        change(&mut head, &mut claims);
        encode(&head, &claims, &key).expect("sign")
    };
    central.get("/clusters", &signed(&|_, _| {})).expect(200);

    let mut forged: Vec<(String, String)> = vec![
        ("no signature".into(), format!("{}.{}.", parts[0], parts[1])),
        ("alg none".into(), format!("{}.{}.", written(&json!({"alg": "none", "typ": "at+jwt"})), parts[1])),
        ("other claims".into(), {
            let mut claims = claims.clone();
            claims["sub"] = json!("0193e7a0-0000-7000-8000-000000000000");
            format!("{}.{}.{}", parts[0], written(&claims), parts[2])
        }),
    ];
    // The public key as the secret of HS256: what a confused verifier would take it for.
    let public = std::process::Command::new("openssl")
        .args(["rsa", "-pubout", "-in"])
        .arg(central.dir.path().join("data/keys/signing.pem"))
        .output()
        .expect("openssl")
        .stdout;
    let mut head: Header = serde_json::from_value(header.clone()).expect("header");
    head.alg = Algorithm::HS256;
    forged.push((
        "HS256 with the public key".into(),
        encode(&head, &claims, &EncodingKey::from_secret(&public)).expect("sign"),
    ));
    for kid in [Some("another"), Some("../../keys/signing.pem"), Some("https://evil.example/jwks.json"), None] {
        forged.push((format!("kid {kid:?}"), signed(&|head, _| head.kid = kid.map(str::to_owned))));
    }
    for typ in [Some("JWT"), None] {
        forged.push((format!("typ {typ:?}"), signed(&|head, _| head.typ = typ.map(str::to_owned))));
    }
    let now = jiff::Timestamp::now().as_second();
    for (claim, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(-1)),
        ("exp", Value::Null),
        ("exp", json!(now - 60)),
        ("nbf", json!(now + 120)),
        ("nbf", json!("0")),
        ("iss", json!("another")),
        ("aud", json!("another")),
        ("sub", json!("admin@localhost")),
        ("sid", json!("0193e7a0-0000-7000-8000-000000000000")),
    ] {
        forged.push((format!("{claim} {value}"), signed(&|_, claims| claims[claim] = value.clone())));
    }
    for claim in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid"] {
        let without = signed(&|_, claims| drop(claims.as_object_mut().expect("object").remove(claim)));
        forged.push((format!("no {claim}"), without));
    }
    for (how, token) in forged {
        let answer = central.get("/clusters", &token);
        assert_eq!(answer.status, 401, "{how}: {}", answer.body);
    }
}

/// A rotation: the old key is accepted until it is taken out of the configuration.
#[test]
fn a_retired_key_signs_no_more() {
    let central = Central::start();
    let old = central.admin();
    let keys = central.dir.path().join("data/keys");
    fs::rename(keys.join("signing.pem"), keys.join("old.pem")).expect("rename");
    let file = central.dir.path().join("central.yaml");
    let config = fs::read_to_string(&file).expect("read");
    fs::write(&file, format!("{config}auth: {{accepted_key_files: [data/keys/old.pem]}}\n")).expect("write");
    let central = central.restart();
    let new = central.admin();
    let kids = |central: &Central| {
        let jwks = central.get("/.well-known/jwks.json", "").expect(200).body;
        assert!(!jwks.to_string().contains("\"d\""), "{jwks}");
        jwks["keys"].as_array().expect("keys").len()
    };
    assert_eq!(kids(&central), 2);
    central.get("/clusters", &old.text("access_token")).expect(200);
    central.get("/clusters", &new.text("access_token")).expect(200);

    fs::write(&file, config).expect("write");
    let central = central.restart();
    assert_eq!(kids(&central), 1);
    central.get("/clusters", &old.text("access_token")).expect(401);
    central.get("/clusters", &new.text("access_token")).expect(200);
    // The session itself goes on.
    let refresh = json!({ "refresh_token": old.text("refresh_token") });
    let access = central.post("/auth/refresh", "", &refresh).expect(200).text("access_token");
    central.get("/clusters", &access).expect(200);
}
