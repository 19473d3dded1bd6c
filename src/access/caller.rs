//! Who is asking.

/// A person or program whose identity was established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: String,
    groups: Vec<String>,
}

impl Caller {
    /// Whoever reaches a central that has no users and therefore listens on loopback only.
    pub fn local() -> Self {
        Self { name: "local".into(), groups: Vec::new() }
    }

    /// The name, as it appears in logs and, impersonated, in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The groups, one for each role.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}
