"""What explanations and pages say, in English and Chinese: a sentence for every key, with places for names.

>>> say("chain_one", start="w5", end="E_total")
'The chain rule along the path from w5 to E_total:'
>>> say("chain_one", "zh", start="w5", end="E_total")
'沿从 w5 到 E_total 的路径应用链式法则：'
"""

from typing import Any

from tinygrad_edu._common.names import look_up

EN = {
    "language": "English",
    # --- the derivation ---
    "same_value": "It is the same Value.",
    "this_value": "this Value",
    "no_path": "{root} does not depend on {wrt}.",
    "other_of_that_name": "{root} does not depend on this {wrt}, but on another Value of that name: was it made anew?",
    "all_stopped": "stop_gradient stands on every path from {start} to {end}.",
    "forward": "Forward mode goes from {start} to {end}; each Value gets its derivative with respect to {start} from those of its arguments:",
    "forward_cost": "This sweep gives derivatives with respect to {wrt} alone. For all {inputs} leaves forward mode multiplies "
    "{forward} times, in a sweep for each; backpropagation {reverse} times, in one sweep.",
    "unlabelled": "Values without a label:",
    "factor": "The derivative, as a formula and in numbers:",
    "use": " (use {number})",
    "direct": " (direct)",
    "first_of": "{title} (the first {count}):",
    "used_again": "Backpropagation computes every derivative once and uses it again:",
    "update": "One step of gradient descent:",
    "more_reasons": "And {more} more such reasons.",
    "more_values": "And {more} more Values: name those that you want as wrt.",
    "norm": " numbers, norm ",
    "layers": "From layer to layer, from {start} to {end}. The matrix ∂a/∂b has a row for every Value of a and a column for every one of b:",
    "layers_multiplied": "Backpropagation multiplies them, the root's first:",
    "and": " and ",
    "cancel": "At {name} the gradients along its edges cancel: {amounts}.",
    "factor_zero": "The factor {factor} is 0.",
    "saturated": "{name} is saturated: at {at} its local derivative is only {slope}.",
    "saturated_to_zero": "{name} is saturated: at {at} its local derivative rounds to {slope}.",
    "relu_off": "{name} is off: at {at} the ReLU passes nothing on, its local derivative is 0.",
    "stopped": "stop_gradient lets no gradient through at {name}: to what comes after it, it is a fixed number.",
    "chain_one": "The chain rule along the path from {start} to {end}:",
    "chain_many": "{count} paths lead from {start} to {end}; the chain rule adds them up:",
    "chain_too_many": "{count} paths lead from {start} to {end}, too many to write out. Those that contribute most:",
    "factors": "The factors, as formulas and in numbers:",
    "and_more": "And {more} more factors.",
    "multiplied": "Multiplied:",
    "multiplied_added": "Multiplied along each path, then added:",
    "path": "path {number}",
    "paths_off": "Without the paths that are switched off: {sum}. The whole gradient is {whole}.",
    "no_value": "{name} = {formula} has no value here: {numbers}. Change a number back and the page goes on.",
    "no_slope": "{target} has no finite derivative with respect to {source} at {source} = {number}.",
    "why_hidden": "The derivation appears when you have answered.",
    # --- what diagnose finds ---
    "nothing_unusual": "Nothing unusual was found.",
    "not_finite_leaf": "{name} = {number} is the first Value that is not finite. It is a leaf: the number was given.",
    "not_finite_made": "{name} = {number} is the first Value that is not finite. It was made by {op} of {given}.",
    "spread": "From there it spread: {path}.",
    "slope_missing": "{name} has no local derivative at {at}.",
    "slope_infinite": "{name} has an infinite local derivative at {at}.",
    "count_off_somewhere": "{count} of {total} {kind}s are off: nothing flows back through them.",
    "count_off_in_layer": "{count} of {total} {kind}s of layer {layer} are off: nothing flows back through them.",
    "count_saturated_somewhere": "{count} of {total} {kind}s are saturated: little flows back.",
    "count_saturated_in_layer": "{count} of {total} {kind}s of layer {layer} are saturated: little flows back.",
    "all_unused": "The root depends on none of the parameters, so nothing can be learnt: it was built from plain "
    "numbers (.data, or functions of math), from what stop_gradient holds fixed, or from another network.",
    "unused": "The root does not depend on {count} of {total} parameters: {names}.",
    "no_label": "(no label)",
    "far_target": "The target {target} is far from the output {name} = {output}: scale the targets to about −1 to 1 first.",
    # --- the factor budget ---
    "budget": "What makes this gradient small or large:",
    "budget_all": "What makes this gradient small or large: {factors}.",
    "budget_and": "; ",
    "budget_input": "{times} from the input {name}",
    "budget_weight": "{times} from the weight {name}",
    "budget_bias": "{times} from the bias {name}",
    "budget_target": "{times} from the target {name}",
    "budget_value": "{times} from {name}",
    "budget_sigmoid": "{times} from the sigmoid at {target} (never above 0.25)",
    "budget_tanh": "{times} from the tanh at {target} (never above 1)",
    "budget_op": "{times} from {op} at {target}",
    "budget_formula": "{times} from {formula}, the derivative of {target}",
    "budget_cancel": "{times}: the other paths cancel {percent}% of it",
    "budget_add": "{times}: the other paths add {percent}% to it",
    "budget_turn": "{times}: the other paths outweigh it and turn its sign",
    # --- the page ---
    "title": "The graph of {root}, live",
    "data": "data",
    "grad": "grad",
    "mode_change": "Change",
    "mode_step": "Step",
    "mode_descend": "Descend",
    "mode_quiz": "Quiz",
    "modes": "What to do",
    "languages": "Language",
    "figure": "The graph of {root}. Each node shows its number and its gradient.",
    "figure_hint": "Click a node or a weight to see why its gradient is what it is. Orange raises {root}, blue lowers it; "
    "the wider the line, the more.",
    "no_script": "This page computes when scripts may run. The picture and the derivation below stand without them.",
    "folded": "{nodes} nodes are too many to show one by one: the picture shows {detail}s.",
    # --- Change ---
    "leaves_input": "Inputs",
    "leaves_weight": "Weights",
    "leaves_bias": "Biases",
    "leaves_target": "Targets",
    "leaves_other": "Numbers",
    "select_title": "Explain the gradient of {name}",
    "drag_title": "Drag to the left or right",
    "keys_hint": "Type a number, or press ↑ and ↓ (with Shift ten times as far), or drag ↔. Escape takes it back.",
    "no_number": "“{text}” is not a finite number.",
    "reset": "Reset",
    "counter": "One backward pass gives the gradients of all numbers above ({leaves}), with one multiplication for each of "
    "{edges} edges. Nudging each number in turn takes {passes} forward passes: {operations} computed nodes.",
    "nudge": "Nudge {name} by",
    "nudge_node": "Change",
    "nudge_change": "measured",
    "nudge_ratio": "ratio",
    "nudge_factor": "factor",
    "nudge_sum": "sum",
    "nudge_compare": "Predicted by the gradient: Δ{root} = {predicted}. Measured: {measured}. Difference: {off}%.",
    "curve": "{root} as a function of {name}, and its tangent: the gradient is the tangent's slope.",
    # --- Step ---
    "step_first": "To the start",
    "step_back": "One step back",
    "play": "Play",
    "pause": "Pause",
    "step_on": "One step on",
    "step_last": "To the end",
    "scrub": "Step",
    "step_of": "{step} of {steps}",
    "step_hint": "The arrow keys ← and → step back and on.",
    "step_start": "The leaves have their numbers. The forward pass computes the rest, arguments before results.",
    "step_forward": "Forward: {equation}",
    "step_seed": "The backward pass starts at {root}: ∂{root}/∂{root} = 1.",
    "step_backward": "Backward from {target} to {source}: ∂{root}/∂{target} × ∂{target}/∂{source} = {product}. "
    "It is the first to arrive at {source}.",
    "step_added": "Backward from {target} to {source}: ∂{root}/∂{target} × ∂{target}/∂{source} = {product}. "
    "It is added to what {source} has: ∂{root}/∂{source} = {sum} so far.",
    # --- the film of training ---
    "film": "How training changes {root}",
    "film_step": "Step {step} of {last}: {root} = {error}",
    "film_epoch": "Epoch {step} of {last}: {root} = {error}",
    "film_some": "{frames} of {steps} steps are shown: close together at first, ever further apart.",
    "film_network": "The width of a line is the size of its weight; dashes: it is negative. The colour is the gradient: "
    "orange, {root} grows with the number; blue, it falls; grey, the gradient is small.",
    "film_graph": "The outline of what changes shows its gradient: orange, {root} grows with the number; blue, it falls; "
    "thin and grey, the gradient is small.",
    "film_sample": "Sample {sample} of {samples} is shown; the gradient of a weight or bias is a sum over all of them.",
    "film_plot": "{root} over the steps shown",
    "film_plot_log": "{root} over the steps shown, on a logarithmic scale",
    "no_motion": "The picture stands still: its steps need JavaScript.",
    # --- Descend ---
    "descend_by": "{steps} steps",
    "descend_one": "1 step",
    "rate": "Learning rate",
    "biases_too": "biases too",
    "steps_taken": "steps taken: {steps}",
    "mean_of": "on average over {samples} samples",
    "plane": "The output over the plane of the two inputs, and the samples. Choose one to see its graph.",
    "sample": "Sample {number}",
    "diverged": "Stopped at step {steps}: the numbers grow beyond all bounds. Try a smaller learning rate.",
    "column_weight": "weight",
    "column_old": "old",
    "column_gradient": "gradient",
    "column_new": "new",
    "descend_hint": "Each step computes all gradients first and then makes all updates: w⁺ = w − learning rate × gradient.",
    "errors": "{root} over {steps} steps",
    "errors_log": "{root} over {steps} steps, on a logarithmic scale",
    "errors_empty": "Take a step: here {root} is drawn over the steps.",
    # --- Quiz and lessons ---
    "lessons": "Lessons",
    "free_quiz": "Questions",
    "lesson_worked": "The worked example",
    "lesson_paths": "Two paths",
    "lesson_saturation": "Vanishing gradients",
    "lesson_on": "On",
    "lesson_back": "Back",
    "quiz_next": "Next question",
    "quiz_score": "{right} of {asked} right",
    "your_answer": "Your answer",
    "check": "Check",
    "ask_sign": "If {name} grows a little, what does {root} do?",
    "ask_larger": "Which of two changes {root} more when it changes a little: {name} or {other}?",
    "ask_number": "What is ∂{root}/∂{name}? Three significant digits are enough.",
    "ask_factor": "One factor of the path from {name} to {root} is missing. What is it?",
    "answer_rises": "It rises",
    "answer_falls": "It falls",
    "answer_stays": "It stays the same",
    "right": "Right: {right}.",
    "wrong": "No: it is {right}.",
    "mistake_path": "Your number leaves out a path: the gradient is the sum over all paths.",
    "mistake_updated": "Your number uses weights that were already updated: all gradients come first, then all updates.",
    "mistake_at_net": "Your number takes the activation's derivative at net; written as out·(1 − out), it is taken at out.",
    "mistake_minus": "Your number has the other sign: a minus is lost, perhaps that of −(target − out).",
    "mistake_half": "Your number is off by a factor of 2: the ½ of the error cancels with the 2 of the square, once.",
    "mistake_swapped": "Your number has one factor of a product in place of the other: ∂net/∂w is the input, ∂net/∂input is w.",
    "mistake_sum": "Your number adds where it should multiply, or multiplies paths: factors multiply, paths add.",
    "mistake_carried": "Your number follows from an earlier answer that is not right.",
    "mistake_rate": "The update is w − learning rate × gradient: the rate is missing, or the sign is turned.",
    # --- exercise sheets ---
    "sheet": "Exercise: {what}",
    "sheet_key": "Key: {what}",
    "sheet_seed": "{what}, sheet {seed}",
    "sheet_name": "Name: {line}",
    "sheet_task": "Fill in the blanks (1) to ({last}): formulas, and numbers in at least three significant digits.",
    "sheet_task_one": "Fill in blank (1): a formula, and a number in at least three significant digits.",
    "sheet_update": "Write the updated number in so many digits that the step is seen.",
    "sheet_given": "Given: {numbers}.",
    "sheet_forward": "The forward pass:",
    "sheet_right": "({blank}) is right.",
    "sheet_wrong": "({blank}) is not right.",
    "wrong_path": "If a path is forgotten, or only one is taken: {numbers}.",
    "wrong_updated": "If weights that were already updated are used for the gradients of the layers before: {numbers}.",
    "wrong_at_net": "If the derivative of sigmoid or tanh is taken at its argument in place of its result: {numbers}.",
    "wrong_minus": "If a minus is lost: {numbers}.",
    "wrong_half": "If the ½ of an error is forgotten, or used twice: {numbers}.",
    "wrong_swapped": "If one factor of a product stands in place of the other, as the weight in place of the input: {numbers}.",
    "wrong_sum": "If a sum stands where a product belongs, or a product where the sum over paths belongs: {numbers}.",
    "wrong_rate": "If the learning rate is forgotten in an update, or the step is added: {numbers}.",
}

ZH = {
    "language": "中文",
    "same_value": "这是同一个 Value。",
    "this_value": "这个 Value",
    "no_path": "{root} 不依赖于 {wrt}。",
    "other_of_that_name": "{root} 不依赖于这个 {wrt}，而依赖于另一个同名的 Value：它是重新创建的吗？",
    "unlabelled": "没有标签的 Value：",
    "factor": "导数，先写公式，再代入数值：",
    "use": "（第 {number} 次使用）",
    "direct": "（直接）",
    "first_of": "{title}（前 {count} 个）：",
    "used_again": "反向传播把每个导数只算一次，然后重复使用：",
    "update": "梯度下降的一步：",
    "more_reasons": "还有 {more} 个这样的原因。",
    "more_values": "还有 {more} 个 Value：请用 wrt 指定想看的。",
    "norm": " 个数，范数 ",
    "layers": "逐层从 {start} 到 {end}。矩阵 ∂a/∂b 的每一行对应 a 的一个 Value，每一列对应 b 的一个 Value：",
    "layers_multiplied": "反向传播从根开始把它们相乘：",
    "and": " 和 ",
    "cancel": "在 {name} 处，沿各边的梯度互相抵消：{amounts}。",
    "factor_zero": "因子 {factor} 是 0。",
    "saturated": "{name} 已饱和：在 {at} 处，它的局部导数只有 {slope}。",
    "saturated_to_zero": "{name} 已饱和：在 {at} 处，它的局部导数舍入为 {slope}。",
    "relu_off": "{name} 已关闭：在 {at} 处 ReLU 不传递任何量，它的局部导数是 0。",
    "all_stopped": "从 {start} 到 {end} 的每条路径上都有 stop_gradient。",
    "forward": "前向模式从 {start} 走到 {end}；每个值关于 {start} 的导数由它各个参数的导数得出：",
    "forward_cost": "这一遍只得到关于 {wrt} 的导数。对全部 {inputs} 个叶子，前向模式每个叶子一遍，共做 {forward} 次乘法；反向传播只需一遍，共 {reverse} 次乘法。",
    "stopped": "{name} 处的 stop_gradient 不让梯度通过：对它之后的部分而言，它是一个固定的数。",
    "chain_one": "沿从 {start} 到 {end} 的路径应用链式法则：",
    "chain_many": "从 {start} 到 {end} 有 {count} 条路径；链式法则把它们相加：",
    "chain_too_many": "从 {start} 到 {end} 有 {count} 条路径，无法逐一写出。贡献最大的是：",
    "factors": "各个因子，先写公式，再代入数值：",
    "and_more": "还有 {more} 个因子。",
    "multiplied": "相乘：",
    "multiplied_added": "沿每条路径相乘，然后相加：",
    "path": "路径 {number}",
    "paths_off": "不计已关闭的路径：{sum}。完整的梯度是 {whole}。",
    "no_value": "{name} = {formula} 在这里没有值：{numbers}。把数改回来，页面就会继续。",
    "no_slope": "在 {source} = {number} 处，{target} 对 {source} 没有有限的导数。",
    "why_hidden": "回答之后，这里会显示推导过程。",
    # --- what diagnose finds ---
    "nothing_unusual": "没有发现异常。",
    "not_finite_leaf": "{name} = {number} 是第一个不是有限数的 Value。它是叶子：这个数是直接给出的。",
    "not_finite_made": "{name} = {number} 是第一个不是有限数的 Value。它由 {op} 算出，参数是 {given}。",
    "spread": "它从那里扩散：{path}。",
    "slope_missing": "{name} 在 {at} 处没有局部导数。",
    "slope_infinite": "{name} 在 {at} 处的局部导数是无穷大。",
    "count_off_somewhere": "{total} 个 {kind} 中有 {count} 个已关闭：没有梯度经过它们流回。",
    "count_off_in_layer": "第 {layer} 层的 {total} 个 {kind} 中有 {count} 个已关闭：没有梯度经过它们流回。",
    "count_saturated_somewhere": "{total} 个 {kind} 中有 {count} 个已饱和：流回的梯度很小。",
    "count_saturated_in_layer": "第 {layer} 层的 {total} 个 {kind} 中有 {count} 个已饱和：流回的梯度很小。",
    "all_unused": "根不依赖于任何参数，所以什么也学不到：它是由普通的数（.data，或 math 的函数）、stop_gradient 固定住的数或另一个网络构成的。",
    "unused": "{total} 个参数中，有 {count} 个根并不依赖：{names}。",
    "no_label": "（没有标签）",
    "far_target": "目标值 {target} 离输出 {name} = {output} 太远：先把目标值缩放到大约 −1 到 1。",
    "budget": "是什么让这个梯度变小或变大：",
    "budget_all": "是什么让这个梯度变小或变大：{factors}。",
    "budget_and": "；",
    "budget_input": "{times}，来自输入 {name}",
    "budget_weight": "{times}，来自权重 {name}",
    "budget_bias": "{times}，来自偏置 {name}",
    "budget_target": "{times}，来自目标 {name}",
    "budget_value": "{times}，来自 {name}",
    "budget_sigmoid": "{times}，来自 {target} 处的 sigmoid（不会超过 0.25）",
    "budget_tanh": "{times}，来自 {target} 处的 tanh（不会超过 1）",
    "budget_op": "{times}，来自 {target} 处的 {op}",
    "budget_formula": "{times}，来自 {target} 的导数 {formula}",
    "budget_cancel": "{times}：其他路径抵消了其中的 {percent}%",
    "budget_add": "{times}：其他路径又增加了 {percent}%",
    "budget_turn": "{times}：其他路径超过了它，使符号反转",
    "title": "{root} 的计算图，实时",
    "data": "数值",
    "grad": "梯度",
    "mode_change": "改变",
    "mode_step": "单步",
    "mode_descend": "下降",
    "mode_quiz": "测验",
    "modes": "选择活动",
    "languages": "语言",
    "figure": "{root} 的计算图。每个节点显示它的数值和梯度。",
    "figure_hint": "点击一个节点或权重，看它的梯度从何而来。橙色使 {root} 增大，蓝色使它减小；线越宽，影响越大。",
    "no_script": "允许运行脚本时，这个页面会实时计算。没有脚本时，下面的图和推导仍然可读。",
    "folded": "{nodes} 个节点太多，无法逐一显示：图中按 {detail} 显示。",
    "leaves_input": "输入",
    "leaves_weight": "权重",
    "leaves_bias": "偏置",
    "leaves_target": "目标",
    "leaves_other": "数",
    "select_title": "解释 {name} 的梯度",
    "drag_title": "左右拖动",
    "keys_hint": "输入一个数，或按 ↑ 和 ↓（按住 Shift 为十倍），或拖动 ↔。Esc 撤销。",
    "no_number": "“{text}”不是有限的数。",
    "reset": "重置",
    "counter": "一次反向传播就得到全部 {leaves} 个梯度，{edges} 条边每条只做一次乘法。"
    "若逐个微调每个数，需要 {passes} 次前向传播，共计算 {operations} 个节点。",
    "nudge": "微调 {name}，幅度",
    "nudge_node": "变化",
    "nudge_change": "实测",
    "nudge_ratio": "比值",
    "nudge_factor": "因子",
    "nudge_sum": "求和",
    "nudge_compare": "由梯度预测：Δ{root} = {predicted}。实测：{measured}。相差 {off}%。",
    "curve": "{root} 作为 {name} 的函数及其切线：梯度就是切线的斜率。",
    "step_first": "回到开头",
    "step_back": "后退一步",
    "play": "播放",
    "pause": "暂停",
    "step_on": "前进一步",
    "step_last": "跳到结尾",
    "scrub": "步",
    "step_of": "第 {step} 步，共 {steps} 步",
    "step_hint": "方向键 ← 和 → 后退和前进。",
    "step_start": "叶子已有数值。前向传播计算其余节点，先算参数，后算结果。",
    "step_forward": "前向：{equation}",
    "step_seed": "反向传播从 {root} 开始：∂{root}/∂{root} = 1。",
    "step_backward": "从 {target} 反向到 {source}：∂{root}/∂{target} × ∂{target}/∂{source} = {product}。"
    "这是第一个到达 {source} 的量。",
    "step_added": "从 {target} 反向到 {source}：∂{root}/∂{target} × ∂{target}/∂{source} = {product}。"
    "它加到 {source} 已有的量上：目前 ∂{root}/∂{source} = {sum}。",
    "film": "训练如何改变 {root}",
    "film_step": "第 {step} 步，共 {last} 步：{root} = {error}",
    "film_epoch": "第 {step} 轮，共 {last} 轮：{root} = {error}",
    "film_some": "共 {steps} 步，显示其中 {frames} 步：开头密，后面越来越疏。",
    "film_network": "线的宽度表示权重的大小；虚线表示权重为负。颜色表示梯度：橙色，数增大时 {root} 增大；蓝色，数增大时 {root} 减小；"
    "灰色，梯度很小。",
    "film_graph": "变化的数的边框表示它的梯度：橙色，数增大时 {root} 增大；蓝色，数增大时 {root} 减小；细而灰，梯度很小。",
    "film_sample": "图中是第 {sample} 个样本，共 {samples} 个；权重或偏置的梯度是对全部样本求和。",
    "film_plot": "所示各步的 {root}",
    "film_plot_log": "所示各步的 {root}，对数坐标",
    "no_motion": "图是静止的：逐步显示需要 JavaScript。",
    "descend_by": "{steps} 步",
    "descend_one": "1 步",
    "rate": "学习率",
    "biases_too": "也训练偏置",
    "steps_taken": "已走步数：{steps}",
    "mean_of": "{samples} 个样本的平均",
    "plane": "输出在两个输入的平面上的值，以及各个样本。选择一个样本，看它的计算图。",
    "sample": "样本 {number}",
    "diverged": "在第 {steps} 步停止：数值无限增大。请用更小的学习率。",
    "column_weight": "权重",
    "column_old": "旧值",
    "column_gradient": "梯度",
    "column_new": "新值",
    "descend_hint": "每一步先算出全部梯度，再更新全部权重：w⁺ = w − 学习率 × 梯度。",
    "errors": "{steps} 步中的 {root}",
    "errors_log": "{steps} 步中的 {root}（对数刻度）",
    "errors_empty": "走一步：这里会画出 {root} 随步数的变化。",
    "lessons": "课程",
    "free_quiz": "问题",
    "lesson_worked": "完整的例子",
    "lesson_paths": "两条路径",
    "lesson_saturation": "梯度消失",
    "lesson_on": "继续",
    "lesson_back": "返回",
    "quiz_next": "下一题",
    "quiz_score": "{asked} 题中答对 {right} 题",
    "your_answer": "你的答案",
    "check": "检查",
    "ask_sign": "如果 {name} 稍微增大，{root} 会怎样？",
    "ask_larger": "下面两个数稍微改变时，哪一个使 {root} 变化更大：{name} 还是 {other}？",
    "ask_number": "∂{root}/∂{name} 是多少？三位有效数字即可。",
    "ask_factor": "从 {name} 到 {root} 的路径缺少一个因子。它是多少？",
    "answer_rises": "增大",
    "answer_falls": "减小",
    "answer_stays": "不变",
    "right": "正确：{right}。",
    "wrong": "不对，应该是 {right}。",
    "mistake_path": "你的数漏掉了一条路径：梯度是所有路径之和。",
    "mistake_updated": "你的数用了已经更新的权重：先算全部梯度，再更新全部权重。",
    "mistake_at_net": "你的数在 net 处取激活函数的导数；写成 out·(1 − out) 时，应代入 out。",
    "mistake_minus": "你的数符号相反：丢了一个负号，也许是 −(target − out) 的负号。",
    "mistake_half": "你的数差了 2 倍：误差中的 ½ 与平方的 2 相约，只约一次。",
    "mistake_swapped": "你的数把乘积的两个因子弄反了：∂net/∂w 等于输入，∂net/∂输入 等于 w。",
    "mistake_sum": "你的数该乘的地方用了加，或把路径相乘：因子相乘，路径相加。",
    "mistake_carried": "你的数由前面一个不正确的答案得来。",
    "mistake_rate": "更新是 w − 学习率 × 梯度：漏了学习率，或符号反了。",
    # --- exercise sheets ---
    "sheet": "练习：{what}",
    "sheet_key": "答案：{what}",
    "sheet_seed": "{what}，第 {seed} 份",
    "sheet_name": "姓名：{line}",
    "sheet_task": "填写空格 (1) 至 ({last})：写出公式，数值至少三位有效数字。",
    "sheet_task_one": "填写空格 (1)：写出公式，数值至少三位有效数字。",
    "sheet_update": "更新后的数要写足位数，以便看出这一步的变化。",
    "sheet_given": "已知：{numbers}。",
    "sheet_forward": "前向传播：",
    "sheet_right": "({blank}) 正确。",
    "sheet_wrong": "({blank}) 不正确。",
    "wrong_path": "若漏掉一条路径，或只取一条：{numbers}。",
    "wrong_updated": "若用已经更新的权重计算前面各层的梯度：{numbers}。",
    "wrong_at_net": "若把 sigmoid 或 tanh 的导数在自变量处而不是在函数值处计算：{numbers}。",
    "wrong_minus": "若丢了一个负号：{numbers}。",
    "wrong_half": "若忘了误差中的 ½，或用了两次：{numbers}。",
    "wrong_swapped": "若把乘积的两个因子弄反，例如把权重当成输入：{numbers}。",
    "wrong_sum": "若该乘的地方用了加，或把路径相乘：{numbers}。",
    "wrong_rate": "若更新时漏了学习率，或用了加：{numbers}。",
}

LESSONS_EN = {
    "worked_1": "This network turns two inputs into two outputs. E_total says how far the outputs are from their targets. "
    "Change w5 a little and see what follows.",
    "worked_2": "From w5 to E_total leads one path: net_o1, out_o1, E_total. Each arrow has a local derivative. "
    "If w5 grows, does E_total rise or fall?",
    "worked_3": "One factor is missing here. The sigmoid's derivative is out·(1 − out), taken at out_o1.",
    "worked_4": "The gradient is the product of the three factors. Multiply them.",
    "worked_5": "Gradient descent moves each weight against its gradient. Take 1 step: "
    "E_total goes from 0.298371109 to 0.291027774.",
    "paths_1": "w1 changes out_h1, and out_h1 changes both outputs. So two paths lead from w1 to E_total.",
    "paths_2": "The two paths pull in different directions: one raises E_total and the other lowers it. "
    "Which sign has their sum?",
    "paths_3": "Add both paths. A number that leaves one out is the most usual mistake.",
    "paths_4": "∂E_total/∂out_h1 is needed for w1, w2 and b1. Backpropagation computes it once and uses it again: "
    "one backward pass gives all gradients. Step through it.",
    "saturation_1": "Here b1 is 6: both hidden neurons give almost 1. The sigmoid is flat there.",
    "saturation_2": "How do the gradients of w1 and w5 compare now? When you have answered, look for the smallest factor of w1.",
    "saturation_3": "A sigmoid's derivative is never above 0.25, and each layer multiplies by one. "
    "In a deep network the gradients of the first layers vanish.",
}

LESSONS_ZH = {
    "worked_1": "这个网络把两个输入变成两个输出。E_total 表示输出离目标有多远。稍微改变 w5，看看会发生什么。",
    "worked_2": "从 w5 到 E_total 只有一条路径：net_o1、out_o1、E_total。每个箭头有一个局部导数。如果 w5 增大，E_total 增大还是减小？",
    "worked_3": "这里缺少一个因子。sigmoid 的导数是 out·(1 − out)，在 out_o1 处取值。",
    "worked_4": "梯度是三个因子的乘积。把它们相乘。",
    "worked_5": "梯度下降让每个权重沿梯度的反方向移动。走 1 步：E_total 从 0.298371109 变为 0.291027774。",
    "paths_1": "w1 改变 out_h1，而 out_h1 改变两个输出。所以从 w1 到 E_total 有两条路径。",
    "paths_2": "两条路径方向不同：一条使 E_total 增大，另一条使它减小。它们的和是什么符号？",
    "paths_3": "把两条路径相加。漏掉一条是最常见的错误。",
    "paths_4": "w1、w2 和 b1 都需要 ∂E_total/∂out_h1。反向传播只计算一次，然后重复使用：一次反向传播给出全部梯度。请逐步查看。",
    "saturation_1": "这里 b1 是 6：两个隐藏神经元的输出几乎都是 1。sigmoid 在那里很平。",
    "saturation_2": "现在 w1 和 w5 的梯度相比如何？回答之后，找出 w1 最小的因子。",
    "saturation_3": "sigmoid 的导数不会超过 0.25，每一层都要乘上一个。在深的网络中，前面各层的梯度会消失。",
}

COURSE_EN = {
    "answer": "Answer",
    "answer_is": "Answer: {answer}",
    "check_line": "{row}: {said}",
    "check_open": "not answered yet.",
    "check_right": "right.",
    "check_not_yet": "not right yet. {look}",
    "check_kind": "the answer is {asked}, and this is {given}.",
    "check_stopped": "your code stopped with {error}",
    "kind_number": "a number",
    "kind_text": "a text in quotes",
    "kind_list": "a list of {count}",
    "kind_function": "a function or a class",
    "kind_none": "None (is there a return missing?)",
    "kind_other": "of type {type}",
}

COURSE_ZH = {
    "answer": "答案",
    "answer_is": "答案：{answer}",
    "check_line": "{row}：{said}",
    "check_open": "还没有作答。",
    "check_right": "正确。",
    "check_not_yet": "还不对。{look}",
    "check_kind": "这里的答案应是{asked}，而现在是{given}。",
    "check_stopped": "你的代码因错误而停止：{error}",
    "kind_number": "一个数",
    "kind_text": "引号中的文字",
    "kind_list": "含 {count} 项的列表",
    "kind_function": "一个函数或类",
    "kind_none": " None（是不是漏了 return？）",
    "kind_other": " {type} 类型",
}

PAGE = {"en": EN | LESSONS_EN, "zh": ZH | LESSONS_ZH}
"""What a live page carries with it, in every language."""

WORDS = {"en": PAGE["en"] | COURSE_EN, "zh": PAGE["zh"] | COURSE_ZH}


_default = "en"


def language(name: str | None = None) -> str:
    """Set the language of explanations, pictures, pages, exercises and hints, and return it.

    Args:
        name: "en" or "zh"; None only asks.

    Raises:
        UnknownNameError: for another language.

    >>> language()
    'en'
    >>> language("zh"), say("right", right=2), language("en")
    ('zh', '正确：2。', 'en')
    """
    global _default
    if name is not None:
        _default = chosen(name)
    return _default


def chosen(lang: str | None) -> str:
    """Return a language of the table: the one named, or that of ``language()`` if it is None.

    Raises:
        UnknownNameError: for another language.
    """
    lang = _default if lang is None else lang
    look_up("language", lang, WORDS)
    return lang


def say(key: str, lang: str | None = None, **fields: Any) -> str:
    """Return a sentence in a language, with names and numbers in their places.

    Args:
        key: which sentence.
        lang: "en" or "zh"; that of ``language()`` if None.
        fields: what stands in the places.

    Raises:
        UnknownNameError: for another language.
    """
    return WORDS[chosen(lang)][key].format(**fields)
