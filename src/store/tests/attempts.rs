//! Login attempts.

use super::{Db, at, on_both};
use crate::store::login_attempts::{self, Attempt};

on_both! {
    five_attempts_are_free_and_then_the_wait_doubles
    the_right_password_clears_the_count
    all_counts_of_an_address_are_cleared
    a_count_of_yesterday_starts_anew
    old_counts_are_forgotten
    parallel_attempts_are_counted_exactly
    the_count_survives_a_restart
}

const DAY: i64 = 24 * 60 * 60;

async fn charge(db: &Db, key: &'static str, second: i64) -> Attempt {
    db.write(move |c| login_attempts::charge(c, key, at(second))).await.unwrap()
}

/// Uses up the free attempts and one more, which is followed by a wait of one second.
async fn use_up(db: &Db, key: &'static str) {
    for _ in 0..6 {
        assert_eq!(charge(db, key, 0).await, Attempt::Allowed);
    }
    assert_eq!(charge(db, key, 0).await, Attempt::Blocked { until: at(1) });
}

async fn five_attempts_are_free_and_then_the_wait_doubles(db: Db) {
    use_up(&db, "ann").await;
    assert_eq!(charge(&db, "bob", 0).await, Attempt::Allowed, "others are not concerned");
    let mut now = 1;
    for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900] {
        assert_eq!(charge(&db, "ann", now).await, Attempt::Allowed);
        for early in [now, now + 1, now + wait - 1] {
            let blocked = Attempt::Blocked { until: at(now + wait) };
            assert_eq!(charge(&db, "ann", early).await, blocked, "an attempt that waits does not count");
        }
        now += wait;
    }
}

async fn the_right_password_clears_the_count(db: Db) {
    use_up(&db, "ann").await;
    db.write(|c| login_attempts::clear(c, "ann")).await.unwrap();
    db.write(|c| login_attempts::clear(c, "nobody")).await.unwrap();
    use_up(&db, "ann").await;
}

async fn all_counts_of_an_address_are_cleared(db: Db) {
    let (cleared, kept) = (["ann_x@a 1", "ann_x@a \u{10fffe}"], ["ann_x@ab 1", "annzx@a 1", "ann_x@a", "bob 1"]);
    for key in cleared.into_iter().chain(kept) {
        use_up(&db, key).await;
    }
    db.write(|c| login_attempts::clear_prefix(c, "ann_x@a ")).await.unwrap();
    for key in cleared {
        assert_eq!(charge(&db, key, 0).await, Attempt::Allowed, "{key}");
    }
    for key in kept {
        assert_eq!(charge(&db, key, 0).await, Attempt::Blocked { until: at(1) }, "{key}");
    }
}

async fn a_count_of_yesterday_starts_anew(db: Db) {
    use_up(&db, "ann").await;
    assert_eq!(charge(&db, "ann", DAY - 1).await, Attempt::Allowed);
    assert_eq!(charge(&db, "ann", DAY).await, Attempt::Blocked { until: at(DAY + 1) }, "the last one counts");
    for _ in 0..6 {
        assert_eq!(charge(&db, "ann", 2 * DAY).await, Attempt::Allowed);
    }
    assert!(matches!(charge(&db, "ann", 2 * DAY).await, Attempt::Blocked { .. }));
}

async fn old_counts_are_forgotten(db: Db) {
    charge(&db, "ann", 0).await;
    charge(&db, "bob", 10).await;
    let forget = |second| db.write(move |c| login_attempts::delete_old(c, at(second)));
    assert_eq!(forget(DAY - 1).await.unwrap(), 0);
    assert_eq!(forget(DAY).await.unwrap(), 1);
    assert_eq!(forget(DAY + 10).await.unwrap(), 1);
}

async fn parallel_attempts_are_counted_exactly(db: Db) {
    let stores = [db.store.clone(), db.place.open()];
    for key in ["k0", "k1", "k2", "k3", "k4"] {
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let store = stores[task % 2].clone();
                tokio::spawn(async move { store.write(move |c| login_attempts::charge(c, key, at(0))).await.unwrap() })
            })
            .collect();
        let mut allowed = 0;
        for task in tasks {
            match task.await.unwrap() {
                Attempt::Allowed => allowed += 1,
                Attempt::Blocked { until } => assert_eq!(until, at(1)),
            }
        }
        assert_eq!(allowed, 6, "{key}");
    }
}

async fn the_count_survives_a_restart(db: Db) {
    use_up(&db, "ann").await;
    let again = Db { store: db.place.open(), place: db.place };
    drop(db.store);
    again.store.migrate().await.unwrap();
    assert_eq!(charge(&again, "ann", 0).await, Attempt::Blocked { until: at(1) });
}
