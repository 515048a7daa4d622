"""The batch size of a loader that is in use."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    WeightedRandomSampler,
)

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.retuning.batch_size import (
    batch_size_refusal,
    find_loaders,
    read_batch_size,
    set_batch_size,
    training_loader,
)
from deepeyes_tui.surgery.retuning.hyperparameters import set_hyperparameter


class Numbers(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, index):
        return index


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(20))


def sizes(iterator):
    return [len(batch) for batch in iterator]


@pytest.mark.parametrize("data", [Numbers(), Stream()])
def test_the_running_epoch_takes_the_new_size(data):
    loader = DataLoader(data, batch_size=4)
    running = iter(loader)
    seen = [next(running).tolist()]
    assert set_batch_size(loader, 6) == ()
    seen += [batch.tolist() for batch in running]
    assert [len(batch) for batch in seen] == [4, 6, 6, 4]
    assert [one for batch in seen for one in batch] == list(range(20))
    assert loader.batch_size == 6
    assert sizes(loader) == [6, 6, 6, 2]


def test_the_length_of_the_loader_follows():
    loader = DataLoader(Numbers(), batch_size=4)
    set_batch_size(loader, 10)
    assert len(loader) == 2


def test_the_epoch_ends_as_it_was_where_incomplete_batches_are_dropped():
    loader = DataLoader(Numbers(), batch_size=4, drop_last=True)
    running = iter(loader)
    next(running)
    notes = set_batch_size(loader, 6)
    assert "next epoch" in notes[0]
    assert 16 - sum(sizes(running)) in (0, 4)
    assert sizes(loader) == [6, 6, 6]


def test_batches_that_workers_have_loaded_come_first():
    loader = DataLoader(Numbers(), batch_size=2, num_workers=1, prefetch_factor=2)
    running = iter(loader)
    next(running)
    notes = set_batch_size(loader, 5)
    assert notes == ("up to 2 batches that are loaded already come first",)
    rest = sizes(running)
    assert 2 <= rest.index(5) + 1 <= 3
    assert sum(rest) == 18


def test_batches_of_one_with_batchnorm_are_refused():
    loader = DataLoader(Numbers(), batch_size=4)
    with pytest.raises(SurgeryError, match="BatchNorm"):
        set_batch_size(loader, 1, nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    assert loader.batch_size == 4
    set_batch_size(loader, 1, nn.Linear(2, 2))
    assert len(next(iter(loader))) == 1


@pytest.mark.parametrize("size", [0, -3, 2.5, "8", None, True])
def test_nonsense_is_refused(size):
    with pytest.raises(SurgeryError, match="whole number"):
        set_batch_size(DataLoader(Numbers()), size)


def test_more_than_there_are_is_refused_where_incomplete_batches_are_dropped():
    with pytest.raises(SurgeryError, match="20 instances"):
        set_batch_size(DataLoader(Numbers(), batch_size=4, drop_last=True), 21)


def test_batches_of_the_scripts_own():
    class Pairs:
        def __iter__(self):
            return iter([[0, 1], [2, 3]])

    class Sorted(BatchSampler):
        pass

    refused = DataLoader(Numbers(), batch_sampler=Pairs())
    with pytest.raises(SurgeryError, match="Pairs"):
        set_batch_size(refused, 4)
    assert "Pairs" in batch_size_refusal([refused])
    assert read_batch_size([refused]) == ()
    taken = DataLoader(Numbers(), batch_sampler=Sorted(SequentialSampler(range(20)), 4, False))
    assert "Sorted" in set_batch_size(taken, 5)[0]
    assert read_batch_size([taken]) == (5,)
    assert sizes(taken) == [5, 5, 5, 5]


def test_a_data_set_that_makes_its_batches_is_refused():
    with pytest.raises(SurgeryError, match="its own batches"):
        set_batch_size(DataLoader(Numbers(), batch_size=None), 4)


def test_the_loader_of_the_training_is_the_one_that_shuffles():
    shuffled, in_order = DataLoader(Numbers(), shuffle=True), DataLoader(Numbers())
    weighted = DataLoader(Numbers(), sampler=WeightedRandomSampler([1.0] * 20, 20))
    assert training_loader([in_order, shuffled]) is shuffled
    assert training_loader([in_order, weighted]) is weighted
    assert training_loader([in_order]) is in_order
    for unclear in ([], [shuffled, weighted], [in_order, in_order]):
        with pytest.raises(SurgeryError, match="loader=loader"):
            training_loader(unclear)


def test_loaders_of_the_process_are_found_while_they_live():
    loader = DataLoader(Numbers())
    assert any(one is loader for one in find_loaders())
    number = id(loader)
    del loader
    assert all(id(one) != number for one in find_loaders())


def test_as_a_hyperparameter():
    loader = DataLoader(Numbers(), batch_size=4, shuffle=True)
    change = set_hyperparameter(None, "batch_size", 8, [loader], nn.BatchNorm1d(2))
    assert (change.before, change.after, str(change)) == ((4,), (8,), "batch_size 4 -> 8")
    assert torch.cat(list(loader)).sort().values.tolist() == list(range(20))
