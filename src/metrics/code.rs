//! The status of an answer as a label: one of a fixed list, whatever a server behind an API server makes up.

/// The status codes with a label of their own.
const KNOWN: [u16; 31] = [
    101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 415,
    422, 429, 499, 500, 501, 502, 503, 504,
];

/// Their labels, then those of the others by their class, then that of a request without an answer.
const LABELS: [&str; 37] = [
    "101", "200", "201", "202", "204", "206", "301", "302", "303", "304", "307", "308", "400", "401", "403", "404",
    "405", "406", "408", "409", "410", "413", "415", "422", "429", "499", "500", "501", "502", "503", "504", "1xx",
    "2xx", "3xx", "4xx", "5xx", "none",
];

/// The status of an answer, or that there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(u8);

impl Code {
    /// How many there are.
    pub const COUNT: usize = LABELS.len();

    /// No answer.
    pub const NONE: Self = Self(36);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(Self::COUNT).map(Self)
    }

    /// That of a status; what is none stands for no answer.
    pub fn of(status: u16) -> Self {
        let place = KNOWN.iter().zip(0..).find(|(known, _)| **known == status).map(|(_, at)| Self(at));
        place.unwrap_or(match status {
            100..=199 => Self(31),
            200..=299 => Self(32),
            300..=399 => Self(33),
            400..=499 => Self(34),
            500..=599 => Self(35),
            _ => Self::NONE,
        })
    }

    /// The label.
    pub fn as_str(self) -> &'static str {
        LABELS[usize::from(self.0)]
    }

    /// Its place among all.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_label_and_there_are_few() {
        for status in KNOWN {
            assert_eq!(Code::of(status).as_str(), status.to_string());
        }
        let label = |status| Code::of(status).as_str();
        assert_eq!([label(199), label(299), label(399), label(418), label(599)], ["1xx", "2xx", "3xx", "4xx", "5xx"]);
        assert_eq!([label(0), label(99), label(600)], ["none"; 3]);
        assert_eq!(Code::all().last(), Some(Code::NONE));
    }
}
