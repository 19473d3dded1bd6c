//! The HTTP API as a program sees it that has nothing but curl.

use serde_json::{Value, json};

use super::process::run;
use super::stack::{ADMIN_PASSWORD, Central};

/// An answer of central.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null without one.
    pub body: Value,
}

impl Answer {
    /// Itself, if the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        if status >= 400 {
            assert_eq!(self.body["status"], status, "a problem document: {}", self.body);
            assert!(self.body["request_id"].is_string(), "{}", self.body);
        }
        self
    }

    /// A field of the body, which is a text.
    #[track_caller]
    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("{field} in {}", self.body)).to_owned()
    }
}

impl Central {
    /// Sends a request, with a bearer token or without, with JSON or without.
    pub fn api(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let mut curl = self.anonymous_curl();
        // A login may wait for many others, on a machine that is busy with other tests.
        curl.args([
            "--max-time",
            "300",
            "--request",
            method,
            "--write-out",
            "\n%{http_code}",
            &format!("{}{path}", self.url),
        ]);
        if !token.is_empty() {
            curl.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        if body.is_some() {
            curl.args(["--data-binary", "@-"]);
        }
        let output = run(&mut curl, body.map(Value::to_string).unwrap_or_default().as_bytes()).expect(0).out();
        let (text, status) = output.rsplit_once('\n').expect("a status");
        let body =
            if text.is_empty() { Value::Null } else { serde_json::from_str(text).unwrap_or_else(|_| json!(text)) };
        Answer { status: status.parse().expect("a status"), body }
    }

    /// `GET` with a token.
    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.api("GET", path, token, None)
    }

    /// `POST` with a token.
    pub fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.api("POST", path, token, Some(body))
    }

    /// Tries to log in.
    pub fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", "", &json!({ "email": email, "password": password }))
    }

    /// The tokens of a new session of the admin.
    pub fn admin(&self) -> Answer {
        self.login("admin@localhost", ADMIN_PASSWORD).expect(200)
    }

    /// Makes a user with these roles; the password is [`ADMIN_PASSWORD`] too.
    pub fn make_user(&self, email: &str, roles: &[&str]) -> Answer {
        let user = json!({ "email": email, "password": ADMIN_PASSWORD, "roles": roles });
        self.post("/admin/users", Self::token(), &user).expect(201)
    }

    /// An access token of a new user with these roles.
    pub fn user(&self, email: &str, roles: &[&str]) -> String {
        self.make_user(email, roles);
        self.login(email, ADMIN_PASSWORD).expect(200).text("access_token")
    }

    /// Makes a role: its name, and what it permits.
    pub fn make_role(&self, role: &Value) -> Answer {
        self.post("/admin/roles", Self::token(), role).expect(201)
    }

    /// Lets a role permit this and no more.
    pub fn change_role(&self, name: &str, permissions: &Value) -> Answer {
        let role = json!({ "name": name, "permissions": permissions });
        self.api("PUT", &format!("/admin/roles/{name}"), Self::token(), Some(&role)).expect(200)
    }
}
