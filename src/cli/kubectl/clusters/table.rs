//! Tables of kubectl from many clusters, made one.
//!
//! kubectl pads each cell but the last of a row to the width of its column and puts three spaces behind it. So the header
//! tells where columns begin, also those with empty cells, and a row that does not fit is no row of a table.

/// What there is at least between columns.
const GAP: &str = "  ";

/// How many spaces kubectl puts there, and so do we.
const PADDING: usize = 3;

/// A table as kubectl wrote it.
#[derive(Debug, PartialEq, Eq)]
pub struct Table<'a> {
    header: Vec<&'a str>,
    rows: Vec<Vec<&'a str>>,
}

/// The tables of an output, which have empty lines between them. `None` if it is anything else, or cut off.
pub fn parse(output: &[u8]) -> Option<Vec<Table<'_>>> {
    let text = std::str::from_utf8(output).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.strip_suffix('\n')?.split("\n\n").map(table).collect()
}

fn table(block: &str) -> Option<Table<'_>> {
    let mut lines = block.split('\n');
    let header = lines.next()?;
    let starts = starts(header)?;
    let header: Vec<&str> = cells(header, &starts)?;
    let is_name = |name: &&str| !name.starts_with(char::is_lowercase);
    if !header.first()?.starts_with(char::is_uppercase) || !header.iter().all(is_name) {
        return None;
    }
    Some(Table { header, rows: lines.map(|line| cells(line, &starts)).collect::<Option<_>>()? })
}

/// Where the columns begin, in characters.
fn starts(header: &str) -> Option<Vec<usize>> {
    let mut starts = Vec::new();
    let mut spaces = GAP.len();
    for (index, c) in header.chars().enumerate() {
        match c {
            ' ' => spaces += 1,
            _ if c.is_control() => return None,
            _ => {
                if spaces >= GAP.len() {
                    starts.push(index);
                }
                spaces = 0;
            }
        }
    }
    (starts.first() == Some(&0)).then_some(starts)
}

/// The cells of a row. `None` if something stands between the columns, or the row ends before the last one.
fn cells<'a>(line: &'a str, starts: &[usize]) -> Option<Vec<&'a str>> {
    let starts: Vec<usize> = starts.iter().map(|start| offset(line, *start)).collect::<Option<_>>()?;
    let ends = starts.iter().skip(1).map(|next| Some(*next)).chain([None]);
    let cell = |(start, end): (&usize, Option<usize>)| match end {
        None => line.get(*start..),
        Some(end) => line.get(*start..end).filter(|cell| cell.ends_with(GAP)),
    };
    starts.iter().zip(ends).map(|place| cell(place).map(|cell| cell.trim_end_matches(' '))).collect()
}

/// Where a character stands in a line, or would stand next.
fn offset(line: &str, index: usize) -> Option<usize> {
    line.char_indices().map(|(offset, _)| offset).chain([line.len()]).nth(index)
}

/// One table for each kind of header, in which the name of its cluster stands before each row.
pub fn merge(clusters: &[(&str, Vec<Table<'_>>)]) -> String {
    let mut headers: Vec<&Vec<&str>> = Vec::new();
    for table in clusters.iter().flat_map(|(_, tables)| tables) {
        if !headers.contains(&&table.header) {
            headers.push(&table.header);
        }
    }
    let mut merged = String::new();
    for header in headers {
        let mut rows = vec![("CLUSTER", header)];
        for (cluster, tables) in clusters {
            let tables = tables.iter().filter(|table| table.header == *header);
            rows.extend(tables.flat_map(|table| &table.rows).map(|row| (*cluster, row)));
        }
        if !merged.is_empty() {
            merged.push('\n');
        }
        write(&rows, &mut merged);
    }
    merged
}

/// Writes rows, all with as many cells, in columns.
fn write(rows: &[(&str, &Vec<&str>)], to: &mut String) {
    let mut widths: Vec<usize> = Vec::new();
    for (cluster, row) in rows {
        widths.resize(row.len() + 1, 0);
        let cells = std::iter::once(cluster).chain(row.iter());
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (cluster, row) in rows {
        let start = to.len();
        for (width, cell) in widths.iter().zip(std::iter::once(cluster).chain(row.iter())) {
            to.push_str(cell);
            to.extend(std::iter::repeat_n(' ', width - cell.chars().count() + PADDING));
        }
        let end = to.trim_end_matches(' ').len();
        to.truncate(end.max(start));
        to.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: &str = "\
NAME   READY   STATUS    RESTARTS        AGE
a      1/1     Running   14 (48d ago)    61d
long   0/1     Pending   0               5m
";

    fn merged(outputs: &[(&'static str, &'static str)]) -> String {
        let parsed: Vec<_> = outputs
            .iter()
            .map(|(name, text)| (*name, parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))))
            .collect();
        merge(&parsed)
    }

    #[test]
    fn columns_are_aligned_over_all_clusters() {
        let other = "NAME                  READY   STATUS    RESTARTS   AGE\na-very-long-name-at   1/1     Running   0          1s\n";
        assert_eq!(
            merged(&[("dev", PODS), ("empty", ""), ("prod-eu", other)]),
            "\
CLUSTER   NAME                  READY   STATUS    RESTARTS       AGE
dev       a                     1/1     Running   14 (48d ago)   61d
dev       long                  0/1     Pending   0              5m
prod-eu   a-very-long-name-at   1/1     Running   0              1s
"
        );
    }

    #[test]
    fn other_columns_are_a_table_of_their_own() {
        let both = "NAME    AGE\npod/a   1d\n\nNAME        TYPE        AGE\nservice/a   ClusterIP   1d\n";
        let one = "NAME        TYPE        AGE\nservice/b   ClusterIP   2d\n";
        assert_eq!(
            merged(&[("a", both), ("b", one)]),
            "\
CLUSTER   NAME    AGE
a         pod/a   1d

CLUSTER   NAME        TYPE        AGE
a         service/a   ClusterIP   1d
b         service/b   ClusterIP   2d
"
        );
    }

    #[test]
    fn cells_may_be_empty_and_have_any_letters() {
        let text = "NAME    OF ALL        LAST\nä       two  spaces   \nworld                 x y   z\n";
        let tables = parse(text.as_bytes()).unwrap();
        assert_eq!(tables[0].header, ["NAME", "OF ALL", "LAST"]);
        assert_eq!(tables[0].rows, [["ä", "two  spaces", ""], ["world", "", "x y   z"]]);
        assert_eq!(
            merge(&[("ö", tables)]),
            "CLUSTER   NAME    OF ALL        LAST\nö         ä       two  spaces\nö         world                 x y   z\n"
        );
    }

    #[test]
    fn trailing_spaces_of_kubectl_are_no_column() {
        let top = "NAME   CPU(cores)   MEMORY(bytes)   \nweb    1m           2Mi             \n";
        assert_eq!(
            merged(&[("a", top)]),
            "CLUSTER   NAME   CPU(cores)   MEMORY(bytes)\na         web    1m           2Mi\n"
        );
    }

    #[test]
    fn what_is_no_table_is_not_taken_for_one() {
        for text in [
            "NAME   AGE\na      1d",
            "NAME   AGE\na",
            "NAME   READY   AGE\na      1/1\n",
            "NAME   AGE\na-name-that-is-long 1d\n",
            "NAME   AGE\n\n\nNAME   AGE\n",
            "\n",
            " NAME   AGE\n",
            "some text   that goes on\n",
            "NAME\tAGE\n",
            "{\n    \"kind\": \"List\"\n}\n",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b"NAME   AGE\n\xff      1d\n"), None);
        assert_eq!(parse(b""), Some(Vec::new()));
    }
}
