"""Models as people build them, nearly 150, for the sweeps over conversion and flavor."""

from __future__ import annotations

import warnings

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn import (
    calibration,
    cluster,
    compose,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    isotonic,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    svm,
    tree,
)
from sklearn import preprocessing as pre
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from threadpoolctl import threadpool_limits

ROWS = 240
pipe = pipeline.make_pipeline


def numeric(task, *, classes=2, dtype=np.float64):
    """Features and target; the target of task "counts" is positive."""
    if task == "classes":
        return _typed(
            make_classification(ROWS, 8, n_informative=5, n_classes=classes, random_state=classes),
            dtype,
        )
    x, y = make_regression(
        ROWS, 8, noise=3.0, n_targets=3 if task == "several" else 1, random_state=1
    )
    return _typed((x, np.abs(y) / 50 + 0.1 if task == "counts" else y), dtype)


def _typed(pair, dtype):
    return pair[0].astype(dtype), pair[1]


def mixed(*, missing=True):
    """Numbers, whole numbers, flags and strings, with holes; and a target that depends on them."""
    rng = np.random.default_rng(5)
    city = rng.choice(
        ["Paris", "Rome", "Oslo", "Łódź", "Graz"], ROWS, p=[0.4, 0.3, 0.2, 0.08, 0.02]
    )
    plan = rng.choice(["a", "b", "c"], ROWS).astype(object)
    age = rng.normal(40, 10, ROWS)
    if missing:
        age[::7] = np.nan
        plan[::11] = None
    frame = pd.DataFrame(
        {
            "age": age,
            "visits": rng.integers(0, 30, ROWS),
            "member": rng.integers(0, 2, ROWS).astype(bool),
            "city": city,
            "plan": pd.Series(plan, dtype="str"),
            "spend": rng.gamma(2.0, 30.0, ROWS),
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, ROWS), "D"),
        }
    )
    score = np.nan_to_num(age, nan=40) / 10 + frame.visits / 10 + (city == "Rome") * 2
    return frame, (score + rng.normal(size=ROWS) > score.median()).astype(int), score


NUMBERS = ["age", "visits", "spend"]
STRINGS = ["city", "plan"]


def _numbers(*steps):
    return pipe(impute.SimpleImputer(strategy="median"), *(steps or (pre.StandardScaler(),)))


def _columns(numbers=None, strings=None, **options):
    return compose.ColumnTransformer(
        [
            ("numbers", _numbers() if numbers is None else numbers, NUMBERS),
            (
                "strings",
                pre.OneHotEncoder(handle_unknown="ignore") if strings is None else strings,
                STRINGS,
            ),
        ],
        **options,
    )


LOGISTIC = linear_model.LogisticRegression
CLASSIFIERS = {
    "logistic": LOGISTIC(),
    "logistic_cv": linear_model.LogisticRegressionCV(
        Cs=3, cv=3, l1_ratios=(0,), use_legacy_attributes=False
    ),
    "sgd_log": pipe(
        pre.StandardScaler(), linear_model.SGDClassifier(loss="log_loss", random_state=0)
    ),
    "sgd_huber": pipe(
        pre.StandardScaler(), linear_model.SGDClassifier(loss="modified_huber", random_state=0)
    ),
    "sgd_hinge": linear_model.SGDClassifier(random_state=0),
    "perceptron": linear_model.Perceptron(random_state=0),
    "ridge_classifier": linear_model.RidgeClassifier(),
    "linear_svc": svm.LinearSVC(),
    "lda": discriminant_analysis.LinearDiscriminantAnalysis(),
    "qda": discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
    "gaussian_nb": naive_bayes.GaussianNB(),
    "bernoulli_nb": naive_bayes.BernoulliNB(),
    "multinomial_nb": pipe(pre.MinMaxScaler(clip=True), naive_bayes.MultinomialNB()),
    "complement_nb": pipe(pre.MinMaxScaler(), naive_bayes.ComplementNB()),
    "decision_tree": tree.DecisionTreeClassifier(max_depth=6, random_state=0),
    "random_forest": ensemble.RandomForestClassifier(30, random_state=0),
    "extra_trees": ensemble.ExtraTreesClassifier(30, random_state=0),
    "gradient_boosting": ensemble.GradientBoostingClassifier(n_estimators=20, random_state=0),
    "hist_gradient_boosting": ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0),
    "ada_boost": ensemble.AdaBoostClassifier(n_estimators=15, random_state=0),
    "bagging": ensemble.BaggingClassifier(n_estimators=5, max_features=0.7, random_state=0),
    "svc": svm.SVC(),
    "svc_poly": svm.SVC(kernel="poly", degree=2),
    "nu_svc": svm.NuSVC(nu=0.2),
    "mlp": neural_network.MLPClassifier((12, 6), max_iter=40, random_state=0),
    "knn": neighbors.KNeighborsClassifier(),
    "gaussian_process": gaussian_process.GaussianProcessClassifier(),
    "voting_soft": ensemble.VotingClassifier(
        [("a", LOGISTIC()), ("b", tree.DecisionTreeClassifier(max_depth=3))],
        voting="soft",
        weights=[2, 1],
    ),
    "voting_hard": ensemble.VotingClassifier(
        [
            ("a", LOGISTIC()),
            ("b", tree.DecisionTreeClassifier(max_depth=3)),
            ("c", naive_bayes.GaussianNB()),
        ]
    ),
    "stacking": ensemble.StackingClassifier(
        [
            ("a", LOGISTIC()),
            ("b", tree.DecisionTreeClassifier(max_depth=3)),
            ("c", svm.LinearSVC()),
        ],
        passthrough=True,
        cv=3,
    ),
    "calibrated_sigmoid": calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=3),
    "calibrated_isotonic": calibration.CalibratedClassifierCV(
        naive_bayes.GaussianNB(), method="isotonic", cv=3
    ),
    "one_vs_rest": multiclass.OneVsRestClassifier(LOGISTIC()),
    "grid_search": model_selection.GridSearchCV(
        pipe(pre.StandardScaler(), LOGISTIC()), {"logisticregression__C": [0.1, 1]}, cv=3
    ),
}
BINARY = {
    "gradient_boosting_exponential": ensemble.GradientBoostingClassifier(
        loss="exponential", n_estimators=9
    ),
    "tuned_threshold": model_selection.TunedThresholdClassifierCV(LOGISTIC(), cv=3),
    "fixed_threshold": model_selection.FixedThresholdClassifier(LOGISTIC(), threshold=0.3),
}
REGRESSORS = {
    "linear": linear_model.LinearRegression(),
    "ridge": linear_model.Ridge(),
    "lasso_cv": linear_model.LassoCV(cv=3),
    "elastic_net": linear_model.ElasticNet(),
    "bayesian_ridge": linear_model.BayesianRidge(),
    "ard": linear_model.ARDRegression(),
    "huber": linear_model.HuberRegressor(max_iter=1000),
    "quantile": linear_model.QuantileRegressor(alpha=0.01),
    "theil_sen": linear_model.TheilSenRegressor(random_state=0, max_subpopulation=200),
    "ransac": linear_model.RANSACRegressor(random_state=0),
    "sgd_regressor": pipe(pre.StandardScaler(), linear_model.SGDRegressor(random_state=0)),
    "linear_svr": svm.LinearSVR(max_iter=20000),
    "svr": svm.SVR(),
    "nu_svr": svm.NuSVR(),
    "kernel_ridge": kernel_ridge.KernelRidge(kernel="rbf", gamma=0.1),
    "tree_regressor": tree.DecisionTreeRegressor(random_state=0),
    "forest_regressor": ensemble.RandomForestRegressor(30, random_state=0),
    "extra_trees_regressor": ensemble.ExtraTreesRegressor(30, random_state=0),
    "boosting_regressor": ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0),
    "boosting_quantile": ensemble.GradientBoostingRegressor(
        loss="quantile", alpha=0.8, n_estimators=9
    ),
    "hist_regressor": ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=0),
    "ada_regressor": ensemble.AdaBoostRegressor(n_estimators=15, random_state=0),
    "bagging_regressor": ensemble.BaggingRegressor(
        linear_model.Ridge(), n_estimators=4, random_state=0
    ),
    "mlp_regressor": neural_network.MLPRegressor(
        hidden_layer_sizes=(12,), activation="tanh", max_iter=40, random_state=0
    ),
    "knn_regressor": neighbors.KNeighborsRegressor(weights="distance"),
    "gaussian_process_regressor": gaussian_process.GaussianProcessRegressor(alpha=0.1),
    "voting_regressor": ensemble.VotingRegressor(
        [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=4))],
        weights=[1, 3],
    ),
    "stacking_regressor": ensemble.StackingRegressor(
        [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=4))], cv=3
    ),
    "log_target": compose.TransformedTargetRegressor(
        linear_model.Ridge(), func=np.arcsinh, inverse_func=np.sinh
    ),
    "scaled_target": compose.TransformedTargetRegressor(
        linear_model.Ridge(), transformer=pre.StandardScaler()
    ),
    "poly_ridge": pipe(pre.PolynomialFeatures(3), linear_model.Ridge()),
    "spline_ridge": pipe(pre.SplineTransformer(), linear_model.Ridge()),
    "bins_ridge": pipe(
        pre.KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf"), linear_model.Ridge()
    ),
    "bins_ordinal": pipe(
        pre.KBinsDiscretizer(4, encode="ordinal", strategy="uniform"), linear_model.Ridge()
    ),
    "power_ridge": pipe(pre.PowerTransformer(), linear_model.Ridge()),
    "quantile_uniform": pipe(pre.QuantileTransformer(n_quantiles=40), linear_model.Ridge()),
    "quantile_normal": pipe(
        pre.QuantileTransformer(n_quantiles=40, output_distribution="normal"), linear_model.Ridge()
    ),
    "pca_ridge": pipe(pre.RobustScaler(), decomposition.PCA(4, whiten=True), linear_model.Ridge()),
    "svd_ridge": pipe(decomposition.TruncatedSVD(4), linear_model.Ridge()),
    "ica_ridge": pipe(decomposition.FastICA(4, random_state=0), linear_model.Ridge()),
    "best_ridge": pipe(
        feature_selection.SelectKBest(feature_selection.f_regression, k=4), linear_model.Ridge()
    ),
    "rfe": pipe(
        feature_selection.RFE(linear_model.Ridge(), n_features_to_select=3),
        pre.MaxAbsScaler(),
        pre.Normalizer(),
        linear_model.Ridge(),
    ),
    "union": pipe(
        pipeline.make_union(
            pre.Binarizer(), pre.FunctionTransformer(np.abs), decomposition.FactorAnalysis(3)
        ),
        linear_model.Ridge(),
    ),
    "nystroem": pipe(
        kernel_approximation.Nystroem(n_components=20, random_state=0), linear_model.Ridge()
    ),
}
COUNTS = {
    "poisson": linear_model.PoissonRegressor(),
    "gamma": linear_model.GammaRegressor(),
    "tweedie": linear_model.TweedieRegressor(power=1.5),
    "hist_poisson": ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=10),
    "hist_gamma": ensemble.HistGradientBoostingRegressor(loss="gamma", max_iter=10),
    "log1p_target": compose.TransformedTargetRegressor(
        linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
    ),
}
SEVERAL = {
    "several_linear": linear_model.LinearRegression(),
    "several_forest": ensemble.RandomForestRegressor(20, random_state=0),
    "several_mlp": neural_network.MLPRegressor(
        hidden_layer_sizes=(12,), max_iter=40, random_state=0
    ),
    "several_pls": cross_decomposition.PLSRegression(3),
    "multi_output": multioutput.MultiOutputRegressor(
        ensemble.GradientBoostingRegressor(n_estimators=9)
    ),
    "chain": multioutput.RegressorChain(linear_model.Ridge(), order=[2, 0, 1]),
    "several_knn": neighbors.KNeighborsRegressor(),
}
OTHERS = {
    "k_means": cluster.KMeans(4, random_state=0, n_init=2),
    "isolation_forest": ensemble.IsolationForest(n_estimators=30, random_state=0),
    "one_class_svm": svm.OneClassSVM(nu=0.1),
    "gaussian_mixture": mixture.GaussianMixture(3, random_state=0),
}
TABLES = {
    "table_logistic": pipe(_columns(), LOGISTIC()),
    "table_imputed_strings": pipe(
        _columns(
            strings=pipe(
                impute.SimpleImputer(strategy="most_frequent"),
                pre.OneHotEncoder(handle_unknown="ignore"),
            )
        ),
        LOGISTIC(),
    ),
    "table_constant_strings": pipe(
        _columns(
            strings=pipe(
                impute.SimpleImputer(strategy="constant", fill_value="none"),
                pre.OneHotEncoder(drop="first", handle_unknown="ignore"),
            )
        ),
        ensemble.RandomForestClassifier(20, random_state=0),
    ),
    "table_infrequent": pipe(
        _columns(strings=pre.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20)),
        LOGISTIC(),
    ),
    "table_strict": pipe(_columns(strings=pre.OneHotEncoder(drop="if_binary")), LOGISTIC()),
    "table_ordinal_hist": pipe(
        _columns(
            numbers="passthrough",
            strings=pre.OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
            ),
        ),
        ensemble.HistGradientBoostingClassifier(max_iter=15),
    ),
    "table_hist_categories": pipe(
        _columns(
            numbers="passthrough",
            strings=pre.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
        ),
        ensemble.HistGradientBoostingClassifier(max_iter=15, categorical_features=[3, 4]),
    ),
    "table_target": pipe(_columns(strings=pre.TargetEncoder(random_state=0)), LOGISTIC()),
    "table_indicator": pipe(
        _columns(numbers=impute.SimpleImputer(add_indicator=True)),
        ensemble.GradientBoostingClassifier(n_estimators=9),
    ),
    "table_knn_imputer": pipe(
        _columns(numbers=pipe(impute.KNNImputer(), pre.StandardScaler())), LOGISTIC()
    ),
    "table_flags": pipe(
        compose.ColumnTransformer(
            [
                ("flag", pre.OneHotEncoder(), ["member", "city"]),
                ("visits", pre.OneHotEncoder(handle_unknown="ignore"), ["visits"]),
            ],
            remainder="drop",
        ),
        LOGISTIC(),
    ),
    "table_poly": pipe(
        _columns(numbers=_numbers(pre.PowerTransformer(), pre.PolynomialFeatures(2))), LOGISTIC()
    ),
    "table_stacked": ensemble.StackingClassifier(
        [
            ("a", pipe(_columns(), LOGISTIC())),
            ("b", pipe(_columns(), tree.DecisionTreeClassifier(max_depth=3))),
        ],
        cv=3,
    ),
    "table_searched": model_selection.GridSearchCV(
        pipe(_columns(), LOGISTIC()), {"logisticregression__C": [0.1, 1]}, cv=3
    ),
    "table_unscaled_forest": pipe(
        compose.make_column_transformer(
            (pre.FunctionTransformer(np.log1p), ["spend"]),
            ("passthrough", ["visits", "member"]),
            (pre.OrdinalEncoder(), ["city"]),
        ),
        ensemble.ExtraTreesClassifier(20, random_state=0),
    ),
}
_LGBM = {"n_estimators": 12, "min_child_samples": 5, "n_jobs": 1, "verbose": -1}
_XGB = {"n_estimators": 12, "max_depth": 4, "n_jobs": 1}
BOOSTED = {
    "table_lightgbm": pipe(_columns(numbers="passthrough"), lightgbm.LGBMClassifier(**_LGBM)),
    "table_xgboost": pipe(_columns(numbers="passthrough"), xgboost.XGBClassifier(**_XGB)),
    "table_xgboost_sparse": pipe(
        _columns(numbers="passthrough", sparse_threshold=1.0), xgboost.XGBClassifier(**_XGB)
    ),
    "table_lightgbm_regressor": pipe(
        _columns(strings=pre.TargetEncoder(random_state=0, target_type="continuous")),
        lightgbm.LGBMRegressor(**_LGBM),
    ),
    "table_xgboost_regressor": pipe(
        _columns(numbers="passthrough"), xgboost.XGBRegressor(**_XGB, objective="count:poisson")
    ),
    "table_stacked_boosters": ensemble.StackingClassifier(
        [
            ("lightgbm", pipe(_columns(), lightgbm.LGBMClassifier(**_LGBM))),
            ("xgboost", pipe(_columns(), xgboost.XGBClassifier(**_XGB))),
        ],
        cv=3,
    ),
}
_CALIBRATED = calibration.CalibratedClassifierCV(lightgbm.LGBMClassifier(**_LGBM), cv=2)
LABELS = {
    "labels_tree": tree.DecisionTreeClassifier(max_depth=4, random_state=0),
    "labels_forest": ensemble.RandomForestClassifier(10, random_state=0),
    "labels_mlp": neural_network.MLPClassifier((12,), max_iter=40, random_state=0),
    "labels_one_vs_rest": multiclass.OneVsRestClassifier(linear_model.LogisticRegression()),
    "labels_one_vs_rest_forest": multiclass.OneVsRestClassifier(
        ensemble.RandomForestClassifier(5, random_state=0)
    ),
    "labels_each": multioutput.MultiOutputClassifier(linear_model.LogisticRegression()),
    "labels_chain": multioutput.ClassifierChain(linear_model.LogisticRegression()),
}
"""Classifiers of several labels at once."""

ODD = {
    "labels_of_many_classes": (
        ensemble.RandomForestClassifier(10, max_depth=5, random_state=0),
        "labels of many classes",
    ),
    "calibrated_lightgbm": (_CALIBRATED, "two"),
    "calibrated_lightgbm_three": (_CALIBRATED, "three"),
    "isotonic": (isotonic.IsotonicRegression(out_of_bounds="clip"), "one"),
    "dummy": (dummy.DummyRegressor(), "values"),
    "boosted_from_a_model": (
        ensemble.GradientBoostingRegressor(init=linear_model.Ridge(), n_estimators=5),
        "values",
    ),
    "imputed_quantile_normal": (
        pipeline.make_pipeline(
            impute.SimpleImputer(),
            pre.QuantileTransformer(n_quantiles=20, output_distribution="normal"),
            linear_model.Ridge(),
        ),
        "values",
    ),
}
FORM = {
    **{name: (model, "two") for name, model in {**CLASSIFIERS, **BINARY}.items()},
    **{f"{name}_three": (model, "three") for name, model in CLASSIFIERS.items()},
    **{name: (model, "values") for name, model in {**REGRESSORS, **OTHERS}.items()},
    **{name: (model, "counts") for name, model in COUNTS.items()},
    **{name: (model, "several") for name, model in SEVERAL.items()},
    **{name: (model, "table") for name, model in TABLES.items()},
    **{name: (model, "table") for name, model in BOOSTED.items()},
    **{name: (model, "labels") for name, model in LABELS.items()},
    **ODD,
}

NATIVE = {
    "quantile_normal",
    "dummy",
    "gaussian_process",
    "gaussian_process_three",
    "imputed_quantile_normal",
    "labels_chain",
}
"""Those that have no exact ONNX form, and go to skops."""

NOWHERE = {"boosted_from_a_model"}
"""Those that cannot be read safely from skops either."""

FAST = (
    "logistic",
    "logistic_three",
    "sgd_huber_three",
    "ridge_classifier",
    "lda_three",
    "qda",
    "gaussian_nb_three",
    "bernoulli_nb",
    "decision_tree",
    "random_forest_three",
    "gradient_boosting_three",
    "hist_gradient_boosting",
    "ada_boost_three",
    "bagging",
    "svc_three",
    "svc_poly",
    "mlp_three",
    "knn_three",
    "voting_soft",
    "voting_hard_three",
    "stacking",
    "calibrated_sigmoid_three",
    "calibrated_isotonic",
    "one_vs_rest_three",
    "fixed_threshold",
    "linear",
    "svr",
    "kernel_ridge",
    "forest_regressor",
    "ada_regressor",
    "mlp_regressor",
    "knn_regressor",
    "gaussian_process_regressor",
    "log_target",
    "poly_ridge",
    "spline_ridge",
    "bins_ridge",
    "power_ridge",
    "quantile_uniform",
    "pca_ridge",
    "union",
    "poisson",
    "several_pls",
    "multi_output",
    "chain",
    "k_means",
    "isolation_forest",
    "one_class_svm",
    "gaussian_mixture",
    "table_logistic",
    "table_imputed_strings",
    "table_constant_strings",
    "table_infrequent",
    "table_strict",
    "table_target",
    "table_indicator",
    "table_knn_imputer",
    "table_flags",
    "table_unscaled_forest",
    "table_lightgbm",
    "table_xgboost",
    "table_xgboost_sparse",
    "isotonic",
    "calibrated_lightgbm",
    "labels_forest",
    "labels_of_many_classes",
    "labels_mlp",
    "labels_one_vs_rest",
    "labels_each",
)


def fitted(name, dtype=np.float64):
    """The model called ``name``, fitted, and the sample it was fitted on."""
    model, form = FORM[name]
    if form == "table":
        x, y, _ = mixed()
    elif form in ("two", "three"):
        x, y = numeric("classes", classes=2 if form == "two" else 3, dtype=dtype)
    elif form.startswith("labels"):
        x, y = numeric("classes", classes=3, dtype=dtype)
        many = np.digitize(x[:, 1], [-1, 0, 1]) * 7
        y = np.column_stack([y, many] if "many" in form else [y == 0, x[:, 0] > 0, y > 1]).astype(
            int
        )
    elif form == "one":
        x, y = numeric("values", dtype=dtype)
        x = x[:, :1]
    else:
        x, y = numeric(form, dtype=dtype)
    # Threads of small fits only wait for each other where the machine is busy.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return clone(model).fit(x, y), x
