//! Suppression hides what it must, and what it leaves gives nothing away.

use proptest::prelude::*;

use super::*;

/// A column of parts under their total, the last row.
fn column(parts: &[i64]) -> Table {
    let mut table = Table::figures("t", "T")
        .column("what", Unit::Text, "what")
        .column("number", Unit::Count, "how many")
        .column("percent", Unit::Percent, "of all");
    let total: i64 = parts.iter().sum();
    let rows: Vec<usize> = parts
        .iter()
        .map(|part| {
            let percent = Cell::percent(*part as usize, total.max(1) as usize);
            table.row(["part".into(), Cell::Number(*part), percent])
        })
        .collect();
    let total = table.row(["all".into(), Cell::Number(total), Cell::Tenths(1000)]);
    table.adds_up(1, total, &rows);
    table
}

fn shown(mut table: Table) -> Vec<String> {
    suppress_table(&mut table);
    table.rows.iter().map(|row| row[1].to_string()).collect()
}

// Proves: report: equality, report: themes, report: annual outcomes and actions
#[test]
fn one_small_number_takes_the_next_smallest_with_it() {
    assert_eq!(shown(column(&[3, 20, 9])), ["*", "20", "*", "32"]);
    assert_eq!(shown(column(&[20, 9, 0])), ["20", "9", "0", "29"]);
    assert_eq!(shown(column(&[0, 0, 0])), ["0", "0", "0", "0"]);
}

#[test]
fn two_that_are_small_together_are_not_left_alone() {
    // 1 + 2 = 3: the total would say that both are under five.
    assert_eq!(shown(column(&[1, 2, 20, 9])), ["*", "*", "20", "*", "32"]);
    assert_eq!(shown(column(&[2, 4, 20])), ["*", "*", "20", "26"]);
}

#[test]
fn a_small_rest_hides_the_part_that_gives_it_away() {
    let mut table = Table::figures("t", "T")
        .column("what", Unit::Text, "what")
        .column("number", Unit::Count, "how many");
    let total = table.row(["received".into(), Cell::Number(20)]);
    let part = table.row(["anonymous".into(), Cell::Number(18)]);
    table.is_part_of(1, total, &[part]);
    assert_eq!(shown(table), ["20", "*"]);
}

#[test]
fn what_is_computed_from_a_hidden_count_is_hidden() {
    let mut table = column(&[3, 20, 9]);
    suppress_table(&mut table);
    let percents: Vec<String> = table.rows.iter().map(|row| row[2].to_string()).collect();
    assert_eq!(percents, ["*", "62.5", "*", "100.0"]);
}

/// A grid with sums of rows and columns.
fn grid(width: usize, values: &[i64]) -> Table {
    let mut table = Table::figures("t", "T").column("what", Unit::Text, "what");
    for _ in 0..=width {
        table = table.column("number", Unit::Count, "how many");
    }
    let mut totals = vec![0; width + 1];
    for row in values.chunks_exact(width) {
        let all: i64 = row.iter().sum();
        for (total, value) in totals.iter_mut().zip(row.iter().chain([&all])) {
            *total += value;
        }
        let cells = row.iter().chain([&all]).map(|value| Cell::Number(*value));
        table.row(std::iter::once(Cell::from("row")).chain(cells));
    }
    let cells = totals.iter().map(|value| Cell::Number(*value));
    let last = table.row(std::iter::once(Cell::from("all")).chain(cells));
    let rows: Vec<usize> = (0..last).collect();
    for column in 1..=width + 1 {
        table.adds_up(column, last, &rows);
    }
    for row in 0..=last {
        table.sums.push(Sum {
            total: (row, width + 1),
            parts: (1..=width).map(|column| (row, column)).collect(),
            has_rest: false,
        });
    }
    table
}

proptest! {
    /// Somebody who knows the sums cannot work out a hidden number: for each there is another table that shows the same.
    #[test]
    fn no_sum_gives_a_hidden_number_away(values in prop::collection::vec(0_i64..12, 12)) {
        let whole = grid(3, &values);
        let mut table = whole.clone();
        suppress_table(&mut table);
        for (row, whole) in table.rows.iter().zip(&whole.rows) {
            for (cell, whole) in row.iter().zip(whole) {
                let small = matches!(whole, Cell::Number(1..=4));
                prop_assert!(!small || *cell == Cell::Suppressed);
            }
        }
        let mut system = System::of(&whole);
        let hidden = |place: &(usize, usize)| table.rows[place.0][place.1] == Cell::Suppressed;
        let places = system.places.iter().enumerate();
        system.hidden = places.filter(|(_, place)| hidden(place)).map(|(index, _)| index).collect();
        // Independent of the elimination: the null space has a vector that moves each hidden number.
        for unknown in &system.hidden {
            prop_assert!(can_move(&system, *unknown), "{:?} {:?}", system.places[*unknown], table.rows);
        }
    }
}

/// Whether some change of hidden numbers, this one among them, leaves every sum as it is: searched among changes by one along cycles of a
/// grid, and whole rows or columns with their totals.
fn can_move(system: &System, unknown: usize) -> bool {
    let hidden: Vec<usize> = system.hidden.iter().copied().collect();
    // Solve sums * x = 0 with x[unknown] = 1 over a field of prime size: a solution exists unless the sums fix x[unknown].
    const PRIME: i128 = 1_000_003;
    let mut rows: Vec<Vec<i128>> = system
        .sums
        .iter()
        .map(|(total, parts)| {
            let mut row: Vec<i128> = hidden
                .iter()
                .map(|index| {
                    let part = parts.contains(index);
                    (i128::from(total == index) - i128::from(part)).rem_euclid(PRIME)
                })
                .collect();
            row.push(0);
            row
        })
        .collect();
    let mut fixed: Vec<i128> = hidden
        .iter()
        .map(|index| i128::from(*index == unknown))
        .collect();
    fixed.push(1);
    rows.push(fixed);
    let width = hidden.len();
    let mut done = 0;
    for column in 0..width {
        let Some(pivot) = (done..rows.len()).find(|row| rows[*row][column] != 0) else {
            continue;
        };
        rows.swap(done, pivot);
        let inverse = power(rows[done][column], PRIME - 2, PRIME);
        for value in &mut rows[done] {
            *value = *value * inverse % PRIME;
        }
        let pivot_row = rows[done].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if index != done && factor != 0 {
                for (value, pivot) in row.iter_mut().zip(&pivot_row) {
                    *value = (*value - factor * pivot).rem_euclid(PRIME);
                }
            }
        }
        done += 1;
    }
    // Inconsistent: a row 0 = 1.
    !rows[done..].iter().any(|row| row[width] != 0)
}

fn power(mut base: i128, mut exponent: i128, prime: i128) -> i128 {
    let mut result = 1;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * base % prime;
        }
        base = base * base % prime;
        exponent /= 2;
    }
    result
}
