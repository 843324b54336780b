//! What every store must do, checked for each: one suite, a temporary SQLite file and a real redis-server.
//!
//! `suite` holds the facts that are the same for both, `random` compares long random histories with a plain map, and
//! `redis` and `sqlite` hold what only one of them can get wrong.

// Clippy allows unwrap in tests, but not in their helper functions.
#![allow(clippy::unwrap_used)]

mod ages;
mod bed;
mod corrections;
mod faults;
mod ghit_me;
mod likes;
mod log;
mod moves;
mod place;
mod positions;
mod random;
mod reach;
mod redis;
mod shelf;
mod slices;
mod sqlite;
mod statuses;
mod suite;
mod visitors;
mod visits;

/// Makes a test per store of each fact.
macro_rules! on_every_store {
    ($($module:ident :: $fact:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $fact() {
                crate::$module::$fact(crate::bed::Bed::sqlite()).await;
            })*
        }

        mod on_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $fact() {
                crate::$module::$fact(crate::bed::Bed::redis()).await;
            })*
        }
    };
}

/// What is shown before the minute is over is what will be in the store.
macro_rules! on_held_minutes {
    ($($module:ident :: $fact:ident),* $(,)?) => {
        mod on_held_minutes {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $fact() {
                crate::$module::$fact(crate::bed::Bed::held()).await;
            })*
        }
    };
}

/// The same store, reached in another way.
macro_rules! over {
    ($way:ident => $bed:ident: $($module:ident :: $fact:ident),* $(,)?) => {
        mod $way {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $fact() {
                crate::$module::$fact(crate::bed::Bed::$bed()).await;
            })*
        }
    };
}

over! { over_sentinels => sentinels:
    suite::a_batch_that_comes_again_counts_nothing,
    log::changes_are_found_behind_a_cursor,
    random::any_history_is_the_same_as_a_plain_map,
}

over! { over_tls => secure:
    suite::a_batch_that_comes_again_counts_nothing,
    log::changes_are_found_behind_a_cursor,
    random::any_history_is_the_same_as_a_plain_map,
}

on_held_minutes! {
    likes::likes_are_the_same_number_at_every_level,
    suite::a_hit_counts_in_total_day_hour_minute_and_aggregate,
    suite::a_hit_with_only_a_day_has_no_hour,
    suite::a_series_has_only_what_lies_in_its_range,
    suite::events_are_counted_apart,
    suite::aggregates_are_counted_and_never_listed,
    slices::slices_hold_what_was_counted_in_the_span,
    slices::counts_of_names_are_those_of_the_slices,
    slices::many_names_come_in_many_slices,
    slices::minutes_over_midnight_are_of_both_days,
    slices::an_event_of_few_names_is_done_at_once,
    slices::a_slice_that_is_none_is_refused_or_empty,
    random::any_history_is_the_same_as_a_plain_map,
}

on_every_store! {
    ages::what_is_old_is_told_and_deleted_level_by_level_and_no_total_changes,
    ages::old_visits_go_and_the_others_stay_in_their_order,
    ages::visitors_have_a_retention_of_their_own,
    moves::what_is_beside_the_counts_is_taken_over_as_it_is,
    suite::a_hit_counts_in_total_day_hour_minute_and_aggregate,
    suite::hours_and_minutes_may_come_in_a_batch_of_their_own,
    suite::a_hit_with_only_a_day_has_no_hour,
    suite::hours_and_minutes_that_are_written_late_are_kept,
    suite::a_batch_that_comes_again_counts_nothing,
    suite::a_missing_batch_is_reported_with_the_marker,
    suite::one_batch_from_two_tasks_is_applied_once,
    suite::a_second_claim_fences_the_first,
    suite::a_claim_can_step_over_what_nobody_has,
    suite::the_standing_of_a_claim_is_told,
    suite::the_body_of_a_request_is_kept_with_its_batches,
    suite::a_claim_of_another_store_is_foreign,
    suite::a_claim_is_good_for_its_own_instance_alone,
    suite::a_list_that_was_applied_in_part_is_finished,
    suite::instances_are_numbered_apart,
    suite::a_thousand_names_fit_into_a_batch,
    suite::totals_come_in_the_order_of_the_batch,
    suite::totals_are_exact_beyond_two_to_the_53,
    suite::counts_stop_at_the_largest_number,
    suite::aggregates_are_counted_and_never_listed,
    suite::events_are_counted_apart,
    suite::weird_names_come_back_as_they_were,
    suite::names_come_page_by_page,
    suite::names_are_found_by_their_beginning_and_by_what_is_in_them,
    suite::every_name_is_on_one_page_and_pages_are_no_longer_than_asked_for,
    suite::very_many_names_are_on_one_page_each,
    suite::a_series_has_only_what_lies_in_its_range,
    suite::a_store_that_was_closed_goes_on,
    suite::nothing_is_applied_of_no_batches,
    suite::a_day_has_one_key_and_old_keys_are_gone,
    visitors::a_visitor_counts_once_a_day_whatever_comes_again,
    visitors::a_name_has_visitors_of_its_own_and_days_of_its_own,
    visitors::very_many_visitors_come_in_many_batches,
    visitors::keys_of_days_gone_by_go_without_their_counts,
    visitors::visitors_are_kept_for_their_retention,
    suite::only_passing_instances_are_forgotten_and_only_old_ones,
    slices::slices_hold_what_was_counted_in_the_span,
    slices::counts_of_names_are_those_of_the_slices,
    slices::many_names_come_in_many_slices,
    slices::minutes_over_midnight_are_of_both_days,
    slices::an_event_of_few_names_is_done_at_once,
    slices::a_slice_that_is_none_is_refused_or_empty,
    likes::likes_are_the_same_number_at_every_level,
    likes::names_without_a_like_that_stands_are_not_among_the_liked,
    log::changes_are_found_behind_a_cursor,
    log::changes_come_in_pieces,
    log::aggregates_do_not_change,
    log::a_look_sees_what_another_process_has_counted_and_kept,
    log::followers_are_told_of_what_another_process_writes,
    log::a_cursor_of_the_future_of_another_store_or_of_nonsense_is_lost,
    positions::positions_are_committed_with_their_batch_alone,
    positions::positions_of_instances_are_apart,
    positions::a_thousand_positions_come_and_go,
    statuses::statuses_are_counted_by_month_and_year_and_over_every_name,
    statuses::weird_statuses_come_back_as_they_were,
    statuses::a_batch_with_statuses_that_comes_again_counts_nothing,
    statuses::made_up_statuses_have_an_end_and_their_sum_is_exact,
    statuses::statuses_stop_at_the_largest_number,
    visits::last_visits_stay_and_come_the_latest_first,
    visits::visits_that_come_late_are_in_the_order_of_their_time,
    visits::visits_of_a_batch_that_are_not_in_order_are_put_in_order,
    visits::a_batch_with_visits_that_comes_again_adds_nothing,
    visits::visits_are_left_out_where_none_are_kept,
    visits::very_many_visits_of_many_names_are_bounded,
    shelf::what_is_kept_is_there_with_its_age,
    shelf::what_expires_first_makes_room,
    shelf::a_thing_is_exchanged_only_for_the_one_that_was_read,
    shelf::what_several_change_at_once_has_every_change,
    corrections::a_correction_changes_what_it_names_and_is_in_the_log_of_changes,
    corrections::a_correction_that_takes_too_much_changes_nothing,
    corrections::positions_travel_with_a_correction_or_not_at_all,
    corrections::a_name_goes_when_nothing_is_left,
    corrections::statuses_are_corrected_by_month_and_year,
    corrections::lists_move_merge_and_go,
    corrections::positions_of_others_change_with_the_counts_or_nothing_does,
    corrections::corrections_are_remembered_and_the_oldest_forgotten,
    corrections::counts_that_arrive_are_all_there_and_correct_nothing,
    random::any_history_is_the_same_as_a_plain_map,
}
