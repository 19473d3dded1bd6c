//! A terminal, and the size of its window, in the protocol.

use super::proto;
use crate::model::{Tty, TtySize};

impl From<TtySize> for proto::TtySize {
    fn from(size: TtySize) -> Self {
        Self { rows: size.rows.into(), columns: size.columns.into() }
    }
}

impl From<proto::TtySize> for TtySize {
    fn from(size: proto::TtySize) -> Self {
        let number = |number| u16::try_from(number).unwrap_or(u16::MAX);
        Self { rows: number(size.rows), columns: number(size.columns) }
    }
}

impl From<Tty> for proto::Tty {
    fn from(tty: Tty) -> Self {
        Self { size: Some(tty.size().into()), stdout: tty.stdout, stderr: tty.stderr }
    }
}

impl From<proto::Tty> for Tty {
    fn from(tty: proto::Tty) -> Self {
        let TtySize { rows, columns } = tty.size.unwrap_or_default().into();
        Self { rows, columns, stdout: tty.stdout, stderr: tty.stderr }
    }
}
