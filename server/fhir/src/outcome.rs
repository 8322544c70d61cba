//! What is wrong, or worth a warning, as FHIR's OperationOutcome has it.

use serde_json::{Value, json};

/// How much an issue matters (FHIR R4, `issue-severity`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For whoever reads.
    Information,
    /// Done, and to be looked at.
    Warning,
    /// Not done.
    Error,
    /// Not done, and nothing else was looked at.
    Fatal,
}

impl Severity {
    /// FHIR's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// One issue of an OperationOutcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How much it matters.
    pub severity: Severity,
    /// A code of FHIR R4's `issue-type`.
    pub code: &'static str,
    /// A sentence for the one who can act, without patient data.
    pub text: String,
    /// Where, as `Patient.name[0].given`; `None` where it is not about an element.
    pub expression: Option<String>,
}

impl Issue {
    /// An error of this `issue-type`.
    pub fn error(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, text: text.into(), expression: None }
    }

    /// A warning of this `issue-type`.
    pub fn warning(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, text) }
    }

    /// What whoever reads is told, of FHIR's type `informational`.
    pub fn information(text: impl Into<String>) -> Self {
        Self { severity: Severity::Information, ..Self::error("informational", text) }
    }

    /// The same, about an element.
    #[must_use]
    pub fn at(self, expression: impl Into<String>) -> Self {
        Self { expression: Some(expression.into()), ..self }
    }

    /// The same, of something that is found below `prefix`, such as an entry of a Bundle.
    #[must_use]
    pub fn below(self, prefix: &str) -> Self {
        let expression = match &self.expression {
            Some(expression) => format!("{prefix}.{expression}"),
            None => prefix.to_owned(),
        };
        Self { expression: Some(expression), ..self }
    }

    /// The issue as JSON.
    pub fn to_json(&self) -> Value {
        let mut issue = json!({
            "severity": self.severity.code(),
            "code": self.code,
            "diagnostics": self.text,
        });
        if let (Some(expression), Some(issue)) = (&self.expression, issue.as_object_mut()) {
            issue.insert("expression".to_owned(), json!([expression]));
        }
        issue
    }
}

/// An OperationOutcome of these issues.
pub fn outcome(issues: &[Issue]) -> Value {
    json!({
        "resourceType": "OperationOutcome",
        "issue": issues.iter().map(Issue::to_json).collect::<Vec<_>>(),
    })
}
