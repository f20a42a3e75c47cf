"""Predictors: the data's own units, in memory and from files."""

import json
import math

import pytest

from tinygrad_edu._common.names import UnknownNameError
from tinygrad_edu.datasets import Dataset, moons
from tinygrad_edu.nn import MLP, Layer, load_mlp
from tinygrad_edu.prediction import Predictor, load_predictor


def flats():
    rows = [[20.0, 1.0], [50.0, 4.0], [80.0, 1.0]]
    return Dataset(rows, [1e5, 2e5, 4e5], ["area", "floor"], target="price").standardized()


def test_a_prediction_is_scaled_there_and_back(tmp_path):
    data, model = flats(), MLP(2, [3, 1], "tanh", seed=1)
    predict = Predictor.of(model, data)
    predict.save(tmp_path / "m.json")
    for scaled, row in zip(data.inputs, [[20.0, 1.0], [50.0, 4.0], [80.0, 1.0]], strict=True):
        mean, deviation = 7e5 / 3, (14 / 9) ** 0.5 * 1e5  # of 1, 2 and 4: 7/3 and the root of 14/9
        assert predict(row) == pytest.approx(model(scaled).data * deviation + mean, rel=1e-12)
        assert load_predictor(tmp_path / "m.json")(row) == predict(row)
    assert load_predictor(tmp_path / "m.json").scaling == data.scaling
    assert load_mlp(tmp_path / "m.json").state_dict() == model.state_dict()


def test_several_numbers_and_data_that_is_not_scaled():
    data = Dataset([[0.5], [0.25]], [[1.0, 30.0], [3.0, 10.0]])
    model = MLP(1, [2], seed=1)
    outputs = [output.data for output in model([0.5])]
    assert Predictor.of(model, data)([0.5]) == outputs
    scaled = Predictor.of(model, data.standardized())
    assert scaled([0.375]) == pytest.approx([2 + model([0.0])[0].data, 20 + 10 * model([0.0])[1].data])


def test_classes_are_named():
    named = Dataset([[0.0], [1.0]], [0, 1], classes=["no", "yes"])
    for data, kinds in ((named, ("no", "yes")), (moons(4)[:2], (0, 1))):
        model = MLP(len(data.inputs[0]), [1], bias="shared", seed=1)
        for bias, kind in zip((-9.0, 9.0), kinds, strict=True):
            model.layers[0].b.data = bias
            assert Predictor.of(model, data)(data.inputs[0]) == kind


def test_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"MLP\(1, \[1\]\) takes 1 inputs, and the data has 2"):
        Predictor.of(MLP(1, [1]), flats())
    with pytest.raises(ValueError, match=r"MLP\(2, \[1\]\) takes 2 inputs, not 3"):
        Predictor.of(MLP(2, [1]), flats())([1, 2, 3])


@pytest.mark.parametrize(
    "damage",
    [
        {"columns": ["area"]},
        {"columns": [1, 2]},
        {"columns": None},
        {"target": 3},
        {"classes": ["a", "b", "c"]},
        {"predicts": True},
        {"scaling": []},
        {"scaling": {"inputs": [[0.0, 1.0]] * 2}},
        {"scaling": {"inputs": [[0.0, 1.0]], "targets": []}},
        {"scaling": {"inputs": [[0.0, 0.0]] * 2, "targets": []}},
        {"scaling": {"inputs": [[0.0, True]] * 2, "targets": []}},
        {"scaling": {"inputs": [[0.0, 1.0]] * 2, "targets": [[0.0, 10**400]]}},
    ],
)
def test_a_damaged_file_gets_one_clear_line(tmp_path, damage):
    content = Predictor.of(MLP(2, [1]), flats()).saved()
    path = tmp_path / "m.json"
    path.write_text(json.dumps(content))
    load_predictor(path)
    path.write_text(json.dumps(content | damage))
    with pytest.raises(ValueError, match=r"m\.json does not fit its own model: columns, classes or scaling"):
        load_predictor(path)


def test_another_file_is_named(tmp_path):
    MLP(2, [1]).save(tmp_path / "m.json")
    with pytest.raises(ValueError, match=r"has no 'columns' and no 'target' and no .*: is it the right file"):
        load_predictor(tmp_path / "m.json")


def test_inputs_may_have_the_names_of_their_columns():
    data, model = flats(), MLP(2, [3, 1], "tanh", seed=1)
    predict = Predictor.of(model, data)
    assert predict({"floor": 4.0, "area": 50.0}) == predict([50.0, 4.0])
    with pytest.raises(UnknownNameError, match="there is no column 'aera': did you mean area"):
        predict({"aera": 50.0, "floor": 4.0})
    with pytest.raises(ValueError, match="takes 2 inputs, not 1"):
        predict({"floor": 4.0})
    pandas = pytest.importorskip("pandas", reason="to make rows")
    assert predict(pandas.Series({"floor": 4.0, "area": 50.0})) == predict([50.0, 4.0])
    assert predict(pandas.Series([50.0, 4.0])) == predict([50.0, 4.0])


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (["20", "1"], TypeError, "input 'area' is text, '20': give a number"),
        ("20", TypeError, "inputs are a list of numbers, not '20'"),
        (None, TypeError, "inputs are a list of numbers, not None"),
        ([20, math.nan], ValueError, "input 'floor' is nan: give a finite number"),
        ([math.inf, 1], ValueError, "input 'area' is inf: give a finite number"),
        ([20, 1, math.inf], ValueError, "input 3 is inf"),
        ([[20, 1], [30, 1]], TypeError, "not list"),
    ],
)
def test_inputs_that_are_no_numbers_get_one_clear_line(inputs, error, message):
    with pytest.raises(error, match=message):
        Predictor.of(MLP(2, [1], seed=1), flats())(inputs)


def test_what_could_not_be_read_from_a_file_is_refused_before_it_is_saved():
    with pytest.raises(TypeError, match="a predictor holds an MLP, not Layer"):
        Predictor.of(Layer(2, 1), flats())
    with pytest.raises(ValueError, match="has 2 outputs, and the data 1 targets"):
        Predictor.of(MLP(2, [2]), flats())
    three = Dataset([[1], [2], [3]], [0, 1, 2], classes=["a", "b", "c"])
    with pytest.raises(ValueError, match="tells 2 classes apart, and the data has 3"):
        Predictor.of(MLP(1, [1]), three)


def test_signed_targets_are_predicted_as_signs(tmp_path):
    data = moons(4).signed()
    predict = Predictor.of(MLP(2, [1], seed=1), data)
    outputs = [predict.model(inputs).data for inputs in data.inputs]
    assert [predict(inputs) for inputs in data.inputs] == ["1" if out > 0 else "-1" for out in outputs]
    assert len({*map(predict, data.inputs)}) == 2
    predict.save(tmp_path / "m.json")
    assert load_predictor(tmp_path / "m.json")(data.inputs[0]) == predict(data.inputs[0])
