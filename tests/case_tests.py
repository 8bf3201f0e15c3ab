"""The test of the project that guards what each script of a fault shows (see tests/cases.py)."""

from __future__ import annotations

__all__ = ["TESTS"]

TESTS = {
    "01_her_terminates_on_relabelled_goal": (
        "envs/test_hindsight_asks::test_relabelled_goals_end_episodes"
    ),
    "02_wrapper_with_own_compute_reward": (
        "envs/test_hindsight_asks::test_the_outermost_answers_count"
    ),
    "03_reward_from_info": (
        "envs/test_hindsight_info::test_relabelled_rewards_have_their_step_s_info"
    ),
    "04_observation_array_reused": (
        "envs/test_own_infos::test_nothing_of_one_step_leaks_into_another"
    ),
    "05_goals_of_small_scale": "envs/test_own_scales::test_a_task_is_learnt_in_any_unit",
    "06_resume_state_in_lists": "envs/test_own_state::test_everything_that_python_offers_is_saved",
    "07_info_key_restarted": (
        "envs/test_own_infos::test_keys_that_mean_something_else_in_a_batch_are_left_out"
    ),
    "08_success_key_only_on_success": "envs/test_evaluation_of_own::test_success_is_understood",
    "09_env_draws_from_np_random": (
        "envs/test_own_generators::test_one_seed_gives_one_run_in_one_process"
    ),
    "10_float64_coordinates": (
        "envs/test_own_scales::test_float64_coordinates_that_float32_would_lose_are_refused"
    ),
    "11_hindsight_final_long_episode": (
        "envs/test_hindsight_asks::test_goals_of_cut_episodes_are_told"
    ),
    "12_sacred_config_scope": (
        "experiment/test_commands::test_what_is_added_in_sacreds_own_ways_holds"
    ),
    "13_endless_env_evaluates": (
        "envs/test_evaluation_of_own::test_episodes_without_an_end_are_cut_and_told"
    ),
    "14_module_colon_id": "envs/test_own_forms::test_an_environment_of_a_module_keeps_its_home",
    "15_study_of_own_env": (
        "envs/test_own_forms::test_a_study_of_a_script_finds_what_the_script_registered"
    ),
    "16_ragged_info": "envs/test_own_infos::test_infos_that_are_not_alike_are_carried",
    "17_unpicklable_info": (
        "envs/test_own_infos::test_what_cannot_be_sent_to_another_process_is_left_out"
    ),
    "18_history_without_success": (
        "envs/test_evaluation_of_own::test_a_history_without_success_is_shown"
    ),
    "19_numpy_seed": "config/test_config::test_numbers_and_arrays_of_numpy_are_numbers",
    "20_to_minari_own_env": (
        "interop/test_minari::test_an_environment_registered_by_its_class_can_be_written"
    ),
    "21_mean_action_inside_box": (
        "envs/test_own_scales::test_actions_lie_in_the_box_to_the_last_bit"
    ),
    "22_own_get_state": "envs/test_own_state::test_an_environment_with_a_state_of_its_own_is_asked",
    "23_failed_resume_leaves_record": (
        "faults/test_damage::test_nothing_is_touched_where_no_checkpoint_can_be_used"
    ),
    "24_nan_in_reset": "envs/test_own_infos::test_a_first_observation_that_is_no_number_is_named",
    "25_reward_of_shape_one": "envs/test_own_infos::test_a_reward_of_one_number_is_one",
    "26_yaml_exponent": (
        "compose/test_composition::test_a_file_of_yaml_holds_numbers_as_people_write_them"
    ),
    "27_own_vector_form": "envs/test_own_forms::test_an_own_vector_form_is_used",
    "28_second_train_call": "agent/test_using::test_a_second_call_goes_on_or_says_why_not",
    "29_locked_action_dimension": (
        "envs/test_own_spaces::test_spaces_that_cannot_work_are_told_in_one_line"
    ),
    "rel_closed_output": "faults/test_lost_output::test_a_run_is_trained_to_its_end_even_so",
    "rel_damaged_replay_part": "faults/test_records::test_a_file_that_was_damaged_is_written_anew",
    "rel_env_kwargs_that_clash": "experiment/test_bad_input::test_bad_input",
    "rel_env_that_does_not_render": (
        "faults/test_records::test_a_trained_run_has_not_failed_for_want_of_pictures"
    ),
    "rel_full_shared_memory": "faults/test_simulators::test_shared_memory_without_room_is_told",
    "rel_json_py_in_working_folder": (
        "faults/test_foreign_modules::test_child_processes_leave_the_working_folder_alone"
    ),
    "rel_killed_extension_is_listed": (
        "faults/test_records::test_a_killed_extension_is_not_listed_with_the_old_end"
    ),
    "rel_long_paths": "experiment/test_bad_input::test_bad_input",
    "rel_metrics_damaged": "faults/test_records::test_damaged_measurements_are_put_together_again",
    "rel_minari_code": "interop/test_foreign_datasets::test_nothing_that_a_dataset_names_is_called",
    "rel_minari_damaged": "interop/test_foreign_datasets::test_damaged_files_are_told",
    "rel_name_of_bytes": (
        "experiment/test_bad_input::test_runs_with_names_that_are_no_text_are_listed"
    ),
    "rel_no_room_at_the_start": "faults/test_disks::test_a_full_disk_is_told_in_one_line",
    "rel_no_room_for_exports": "faults/test_disks::test_a_full_disk_is_told_in_one_line",
    "rel_no_room_for_the_video": (
        "faults/test_records::test_a_trained_run_has_not_failed_for_want_of_pictures"
    ),
    "rel_other_versions_resume": "faults/test_records::test_other_versions_are_told_and_kept",
    "rel_policy_behind_a_damaged_replay": (
        "faults/test_records::test_a_policy_is_had_of_a_checkpoint_with_a_damaged_replay"
    ),
    "rel_reason_of_two_lines": (
        "faults/test_simulators::test_the_reason_is_one_line_that_names_what_was_raised"
    ),
    "rel_sigterm_twice": "training/test_stopping::test_a_second_signal_stops_at_once",
    "rel_simulator_dies": (
        "faults/test_simulators::test_a_run_tells_why_it_ended_and_its_record_does"
    ),
    "rel_simulator_hangs_in_compiled_code": (
        "faults/test_simulators::test_a_hang_in_compiled_code_ends_in_time_with_what_the_simulator_started"
    ),
    "rel_study_and_a_foreign_folder": (
        "study/test_folders::test_a_folder_of_others_in_the_place_of_a_run_stays"
    ),
    "rel_study_file_values": "study/test_folders::test_a_plan_that_cannot_work_is_one_line",
    "rel_study_stopped_at_its_video": (
        "study/test_folders::test_a_run_stopped_at_its_video_is_made_whole"
    ),
    "rel_sweep_and_printing": (
        "faults/test_simulators::test_what_simulators_print_is_not_taken_for_what_a_trial_tells"
    ),
    "rel_sweep_folder_damaged": "study/test_folders::test_a_damaged_folder_of_a_sweep_is_told",
    "rel_template_html": (
        "faults/test_foreign_files::test_a_template_beside_the_runs_is_not_rendered"
    ),
    "rel_two_resumes": "faults/test_records::test_a_run_in_use_is_refused_and_comes_to_no_harm",
    "rel_wrong_types_in_a_record": "faults/test_types::test_a_damaged_run_does_not_hide_the_others",
}
"""Module below tests/ and function, by the name of the script."""
