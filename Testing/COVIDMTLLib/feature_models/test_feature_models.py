"""The feature models: states, members, pooling, stacking, stability; trained on small made-up cohorts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold

from ChestCTLib.errors import InputError, ModelError
from COVIDMTLLib.feature_models.cards import feature_card
from COVIDMTLLib.feature_models.left_out import leave_one_scan_out
from COVIDMTLLib.feature_models.members import MIN_LEAF, TREE_FEATURES, BoostedMember, LinearMember, TreesMember
from COVIDMTLLib.feature_models.network import NetworkSettings, train_network
from COVIDMTLLib.feature_models.network_member import NetworkMember
from COVIDMTLLib.feature_models.normal_scores import LIMIT, NormalScores
from COVIDMTLLib.feature_models.pool import Pool
from COVIDMTLLib.feature_models.robust import Stability, candidates
from COVIDMTLLib.feature_models.stack import FOLDS, StackSettings, cross_validate, fit_member, select, train_stack
from COVIDMTLLib.feature_models.states import (
    N_STATES,
    STATE_CLASSES,
    state_probabilities,
    states_of,
    task_probabilities,
)
from COVIDMTLLib.feature_models.store import load_stack, save_stack
from COVIDMTLLib.radiomics import FEATURE_NAMES, FeatureTable
from COVIDMTLLib.statistics.scores import auc


def _made_up(patients: int = 150, features: int = 12, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Patients whose state shows in the first two features; the others are noise."""
    generator = np.random.default_rng(seed)
    states = generator.permutation(np.arange(patients) % N_STATES)
    values = generator.normal(size=(patients, features))
    values[:, 0] += 1.5 * states
    values[:, 1] = np.exp(values[:, 1] + 1.5 * (states == 4))
    labels = {task: np.array(classes)[states] for task, classes in STATE_CLASSES.items()}
    return values, labels


def test_states_and_tasks_say_the_same() -> None:
    _, labels = _made_up()
    certain = np.eye(N_STATES)[states_of(labels)]
    for task, probabilities in task_probabilities(certain).items():
        np.testing.assert_array_equal(probabilities.argmax(axis=1), labels[task])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_contradicting_labels_are_refused() -> None:
    with pytest.raises(InputError, match="1 patients contradict"):
        states_of({"ct": np.array([0]), "nat": np.array([0]), "severity": np.array([2])})


def test_states_made_from_tasks_give_the_tasks_back() -> None:
    generator = np.random.default_rng(1)
    ct = generator.uniform(0.5, 0.9, 20)
    nat = ct * generator.uniform(0.3, 0.9, 20)
    split = generator.uniform(0.2, 0.8, 20)
    tasks = {
        "ct": np.column_stack([1 - ct, ct]),
        "nat": np.column_stack([1 - nat, nat]),
        "severity": np.column_stack([1 - nat, nat * split, nat * (1 - split)]),
    }
    again = task_probabilities(state_probabilities(tasks))
    np.testing.assert_allclose(again["ct"], tasks["ct"], atol=1e-9)
    np.testing.assert_allclose(again["nat"], tasks["nat"], atol=1e-9)


def test_normal_scores_ignore_the_scale_of_a_feature_and_are_bounded() -> None:
    values, _ = _made_up()
    positive = np.exp(values)
    plain, bent = NormalScores.fit(values).transform(values), NormalScores.fit(positive).transform(positive)
    np.testing.assert_allclose(plain, bent, atol=0.25)  # quantiles interpolate on either scale
    far = NormalScores.fit(values).transform(np.full((1, values.shape[1]), 1e9))
    assert far.max() == far.min() == LIMIT


def test_normal_scores_of_a_tie_are_its_middle_rank() -> None:
    values = np.repeat([0.0, 1.0], [80, 20])[:, None]
    shares = NormalScores.fit(values).percentiles(np.array([[0.0], [1.0]]))[:, 0]
    assert shares == pytest.approx([0.4, 0.9], abs=0.02)


def test_flat_trees_predict_what_scikit_learn_predicts() -> None:
    values, labels = _made_up()
    scores = NormalScores.fit(values).transform(values)
    states = states_of(labels)
    ours = TreesMember.fit(scores, states, seed=4, trees=20)
    theirs = ExtraTreesClassifier(20, min_samples_leaf=MIN_LEAF, max_features=TREE_FEATURES, random_state=4)
    expected = theirs.fit(scores, states).predict_proba(scores)
    np.testing.assert_allclose(ours.probabilities(scores), expected, atol=2e-3)  # leaves are stored in half precision
    again = TreesMember.from_arrays(ours.arrays())
    np.testing.assert_array_equal(again.probabilities(scores), ours.probabilities(scores))


def test_linear_and_boosted_members_come_back_from_their_files() -> None:
    values, labels = _made_up()
    states = states_of(labels)
    linear, boosted = LinearMember.fit(values, states), BoostedMember.fit(values, states)
    np.testing.assert_allclose(
        LinearMember.from_arrays(linear.arrays()).probabilities(values), linear.probabilities(values)
    )
    np.testing.assert_allclose(
        BoostedMember.from_text(boosted.text()).probabilities(values), boosted.probabilities(values), atol=1e-9
    )


def test_networks_come_back_from_their_arrays_and_learn() -> None:
    values, labels = _made_up()
    member = NetworkMember.fit(values, labels, networks=1)
    again = NetworkMember.from_arrays(member.arrays())
    np.testing.assert_allclose(again.probabilities(values), member.probabilities(values), atol=1e-6)
    assert auc(labels["ct"], member.tasks(values)["ct"]) > 0.8


def test_a_networks_seed_decides_everything_and_leaves_the_callers_draws_alone() -> None:
    import torch

    values, labels = _made_up(60)
    quick = NetworkSettings(epochs=2)
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first = train_network(values, labels, quick).probabilities(values)
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(first["ct"], train_network(values, labels, quick).probabilities(values)["ct"])


def test_a_networks_scaling_sees_training_rows_only() -> None:
    values, labels = _made_up(60)
    trained = train_network(values, labels, NetworkSettings(epochs=1))
    np.testing.assert_allclose(trained.mean, values.mean(axis=0))
    np.testing.assert_allclose(trained.scale, values.std(axis=0))


def test_the_pool_trusts_the_better_member_and_repairs_overconfidence() -> None:
    generator = np.random.default_rng(2)
    states = generator.integers(0, N_STATES, 2000)
    logits = np.eye(N_STATES)[states] * 1.0 + generator.normal(0, 1, (2000, N_STATES))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    boastful = honest**4 / (honest**4).sum(axis=1, keepdims=True)
    noise = generator.dirichlet(np.ones(N_STATES), 2000)
    pool = Pool.fit({"good": boastful, "noise": noise}, states)
    assert pool.weights["good"] > 5 * pool.weights["noise"]
    pooled = pool.combine({"good": boastful, "noise": noise})
    rows = np.arange(len(states))
    assert -np.log(pooled[rows, states]).mean() < -np.log(boastful[rows, states]).mean()
    assert pooled.max(axis=1).mean() == pytest.approx(np.mean(pooled.argmax(axis=1) == states), abs=0.04)


def test_selection_takes_the_columns_that_differ_and_survives_constant_ones() -> None:
    values, labels = _made_up()
    values[:, 5] = 3.0
    assert set(select(values, states_of(labels), 2).tolist()) == {0, 1}
    assert 5 not in select(values, states_of(labels), 11).tolist()


def test_an_unknown_member_is_named() -> None:
    values, labels = _made_up(30)
    with pytest.raises(ModelError, match="no member 'oracle'"):
        fit_member("oracle", values, labels, 0)


def _folds(labels: dict[str, np.ndarray]) -> np.ndarray:
    """The fold that holds each patient out."""
    states = states_of(labels)
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(states, states)
    number = np.empty(len(states), dtype=np.int64)
    for fold, (_, held) in enumerate(splits):
        number[held] = fold
    return number


def test_out_of_fold_predictions_of_a_patient_do_not_depend_on_that_patients_label() -> None:
    values, labels = _made_up(150)
    states, folds = states_of(labels), _folds(labels)
    # Two neighbours held out together trade labels: the folds stay, their own fold's training set does not change.
    neighbours = np.flatnonzero((folds[:-1] == folds[1:]) & (states[:-1] != states[1:]) & (np.arange(149) > N_STATES))
    one = int(neighbours[0])
    traded = {task: classes.copy() for task, classes in labels.items()}
    for classes in traded.values():
        classes[[one, one + 1]] = classes[[one + 1, one]]
    np.testing.assert_array_equal(_folds(traded), folds)

    settings = StackSettings(members=("linear",))
    before, after = (cross_validate(values, truth, settings).members["linear"] for truth in (labels, traded))
    own = folds == folds[one]
    np.testing.assert_array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_noise_that_the_members_learn_by_heart_stays_noise_out_of_fold() -> None:
    values, labels = _made_up(400)
    noise = np.random.default_rng(3).normal(size=values.shape)
    states = states_of(labels)
    scores = NormalScores.fit(noise).transform(noise)
    by_heart = task_probabilities(TreesMember.fit(scores, states, trees=50).probabilities(scores))["ct"]
    blind = task_probabilities(cross_validate(noise, labels, StackSettings(members=("linear", "trees"))).pooled)["ct"]
    assert auc(labels["ct"], by_heart) > 0.95
    assert abs(auc(labels["ct"], blind) - 0.5) < 0.1  # three standard errors of 160 against 240 patients


def test_a_stack_learns_is_written_and_read_back(tmp_path: Path) -> None:
    values, labels = _made_up(150)
    model, folds = train_stack(values, labels, StackSettings(members=("linear", "boosted")))
    assert auc(labels["nat"], task_probabilities(folds.pooled)["nat"]) > 0.7
    apart = {"boosted": feature_card("part", "A part", ".txt", [])}
    save_stack(model, tmp_path, feature_card("whole", "Whole", ".safetensors", []), apart)
    from ChestCTLib.models import file_sha256, read_card

    card = read_card((tmp_path / "whole.json").read_text())
    assert card.sha256 == file_sha256(tmp_path / "whole.safetensors")
    again = load_stack(card, tmp_path)
    np.testing.assert_allclose(again.states(values), model.states(values), atol=1e-9)


def test_a_stack_with_allowed_columns_ignores_the_others() -> None:
    values, labels = _made_up(100)
    allowed = np.array([0, 3, 4])
    model, _ = train_stack(values, labels, StackSettings(members=("linear",)), allowed)
    changed = values.copy()
    changed[:, [1, 2, 5]] += 100.0
    np.testing.assert_array_equal(model.states(changed), model.states(values))


def test_stability_counts_movement_in_the_cohorts_spread() -> None:
    generator = np.random.default_rng(4)
    cohort = generator.normal(0, 2.0, (500, len(FEATURE_NAMES)))
    before = np.zeros(len(FEATURE_NAMES))
    after = before.copy()
    after[FEATURE_NAMES.index("Mean")] = 4.0
    after[FEATURE_NAMES.index("Median")] = 0.2
    tables = [FeatureTable(tuple(values), 4000.0) for values in (before.tolist(), after.tolist())]
    found = Stability.measure(cohort, {"scan": (tables[0], {"smooth": tables[1]})})
    assert found.movement[FEATURE_NAMES.index("Mean")] == pytest.approx(2.0, abs=0.2)
    names = {FEATURE_NAMES[column] for column in found.columns()}
    assert "Median" in names
    assert "Mean" not in names
    assert not any(name.startswith("HHH") for name in names)
    assert candidates().sum() == 71 + 38
    again = Stability.from_json(found.to_json())
    np.testing.assert_array_equal(again.columns(), found.columns())


def test_a_scan_left_out_does_not_choose_the_features_it_is_judged_by() -> None:
    values, labels = _made_up(100, len(FEATURE_NAMES))
    still = np.median(values, axis=0)
    mean = FEATURE_NAMES.index("Mean")  # the column that tells the state
    moved = {name: still.copy() for name in ("first", "second")}
    values[:, mean] += 3.0 * states_of(labels)
    moved["first"][mean] += 100.0  # on this scan alone the best feature does not hold

    def table(row: np.ndarray) -> FeatureTable:
        return FeatureTable(tuple(row.tolist()), 4000.0)

    scans = {name: (table(still), {"smooth": table(row)}) for name, row in moved.items()}
    found = leave_one_scan_out(values, labels, scans, StackSettings(members=("linear",)))
    assert mean not in found.columns()
    assert abs(found.changes["first"]["smooth"]) > 0.1  # chosen by the second scan, where it held
    assert found.changes["second"]["smooth"] == 0.0
    again = Stability.from_json(found.to_json())
    assert again.changes["first"]["smooth"] == pytest.approx(found.changes["first"]["smooth"], abs=1e-3)
    with pytest.raises(InputError, match="two or more"):
        leave_one_scan_out(values, labels, {"first": scans["first"]})
