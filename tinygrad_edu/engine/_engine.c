/* The engine of value.py in C: the same class Value, the same two passes, the same bits.
 *
 * Read value.py first; this file says only what differs. The rules of the operations are not written here:
 * _rules.h is printed from rules.py when this file is compiled (tinygrad_edu/program/c_rules.py). A rule
 * that meets something not finite returns false, and the Python rule decides what that means.
 *
 * The global interpreter lock is held throughout. Where a walk has set marks on Values, nothing is called
 * that could run Python code, so that no other walk can see them. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <structmember.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#define fabs(x) __builtin_fabs(x) /* the compiler may know these two: no rounding differs */
#define sqrt(x) __builtin_sqrt(x)
#else
#define INLINE static inline
#endif

typedef struct Value Value;

typedef struct {
    Value *arg;
    double slope; /* while a rule is computed: first the number of arg */
} Edge;

/* A node of two arguments takes 120 bytes. The garbage collector does not track Values. */
struct Value {
    PyObject_VAR_HEAD /* its size is the number of arguments */
    double data;
    double grad;
    uint64_t serial; /* counts the Values as they are made; the lowest two bits are MARKED and CONSTANT */
    uint64_t stamp;
    PyObject *op;         /* NULL for a leaf */
    PyObject *name;       /* NULL, the label, or the tuple (label, group) */
    PyObject *attributes; /* a user's own; NULL if there are none */
    PyObject *weak_references;
    Edge edge[];
};

#define MARKED 1u
#define CONSTANT 2u
#define COUNT(v) (((PyVarObject *)(v))->ob_size)
#define SERIAL(v) ((v)->serial >> 2)

#include "_rules.h"

typedef bool (*Function)(Edge *, Py_ssize_t, const double *, double *);

typedef struct {
    const char *name;
    int arity, parameters;
    bool over_lists;
    Function function;
} Rule;

#define ENTRY(name, arity, parameters, over_lists) {#name, arity, parameters, over_lists, rule_##name},
static const Rule rules[] = {RULES(ENTRY)};
#define NUMBER(name, arity, parameters, over_lists) RULE_##name,
enum { RULES(NUMBER) RULE_COUNT };

/* The base class of Op: where an operation keeps its rule in C. */
typedef struct {
    PyObject_HEAD
    const Rule *rule; /* NULL: its Python rule is called */
    bool known;       /* whether `rule` was looked up */
    bool complete;    /* whether it has its parameters, or needs none */
    double parameters[PARAMETERS];
} Operation;

static PyTypeObject *operation_type, *value_type;
static PyObject *ops[RULE_COUNT];     /* the operations of the table that have a rule in C */
static PyObject *written[RULE_COUNT]; /* and the Python rules that these were printed from */
static PyObject *op_type, *python_call, *python_order;
static PyObject *as_float, *as_text, *expect_values, *stale_error, *careful_adjoints, *closure_type, *refuse_options;
static uint64_t tick, last_assignment;

/* --- Values are made and freed --- */

INLINE bool is_value(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    if (type == &PyFloat_Type || type == &PyLong_Type) /* the most frequent others */
        return false;
    return type == value_type || PyType_IsSubtype(type, value_type);
}

INLINE void number_as_new(Value *v)
{
    v->stamp = ++tick;
    v->serial = tick << 2 | (v->serial & CONSTANT);
}

/* The memory of freed Values is kept for the next of the same size: a training step makes again what the last
 * one freed. They are linked through `stamp`. */
#ifndef KEPT_AT_MOST
#define KEPT_AT_MOST (8 << 20)
#endif
enum { SHELVES = 256 };
static struct {
    Py_ssize_t count;
    Value *first;
} shelves[SHELVES];
static size_t kept;

INLINE void link_to(Value *v, Value *next)
{
    memcpy(&v->stamp, &next, sizeof next);
}

INLINE Value *linked(const Value *v)
{
    Value *next;
    memcpy(&next, &v->stamp, sizeof next);
    return next;
}

INLINE size_t size_of(Py_ssize_t count)
{
    return sizeof(Value) + count * sizeof(Edge);
}

INLINE void free_memory(Value *v)
{
    Py_ssize_t count = COUNT(v);
    size_t shelf = (size_t)count % SHELVES, size = size_of(count);
    if (kept + size > KEPT_AT_MOST || (shelves[shelf].first != NULL && shelves[shelf].count != count)) {
        PyObject_Free(v);
        return;
    }
    link_to(v, shelves[shelf].first);
    shelves[shelf].first = v;
    shelves[shelf].count = count;
    kept += size;
}

/* A Value whose number, operation and edges are to be set. */
INLINE Value *allocate(Py_ssize_t count)
{
    size_t shelf = (size_t)count % SHELVES, size = size_of(count);
    Value *v = shelves[shelf].first;
    if (v != NULL && shelves[shelf].count == count) {
        shelves[shelf].first = linked(v);
        kept -= size;
    } else if ((v = PyObject_Malloc(size)) == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    PyObject_InitVar((PyVarObject *)v, value_type, count);
    v->grad = 0.0;
    v->serial = 0;
    v->op = v->name = v->attributes = v->weak_references = NULL;
    return v;
}

INLINE Value *leaf(double number, unsigned flags)
{
    Value *v = allocate(0);
    if (v != NULL) {
        v->data = number;
        v->serial = flags;
        number_as_new(v);
    }
    return v;
}

static Value *to_free;
static bool freeing;

/* Without recursion: what loses its last reference meanwhile waits in a list, linked through `stamp`. */
static void value_dealloc(PyObject *self)
{
    Value *v = (Value *)self;
    if (v->weak_references != NULL)
        PyObject_ClearWeakRefs(self);
    link_to(v, to_free);
    to_free = v;
    if (freeing)
        return;
    freeing = true;
    while (to_free != NULL) {
        v = to_free;
        to_free = linked(v);
        for (Py_ssize_t i = 0; i < COUNT(v); i++)
            Py_XDECREF((PyObject *)v->edge[i].arg);
        Py_XDECREF(v->op);
        Py_XDECREF(v->name);
        Py_XDECREF(v->attributes);
        PyTypeObject *type = Py_TYPE((PyObject *)v);
        if (type == value_type)
            free_memory(v);
        else
            ((freefunc)PyType_GetSlot(type, Py_tp_free))(v);
        Py_DECREF((PyObject *)type);
    }
    freeing = false;
}

/* --- Numbers --- */

/* Read an exact float or int; return false, without an error, for anything else. */
INLINE bool plain_number(PyObject *object, double *number)
{
    if (PyFloat_CheckExact(object)) {
        *number = PyFloat_AsDouble(object);
        return true;
    }
    if (PyLong_CheckExact(object)) {
        *number = PyLong_AsDouble(object);
        if (*number != -1.0 || !PyErr_Occurred())
            return true;
        PyErr_Clear();
    }
    return false;
}

/* Read a real number of any kind; return false with Python's error for what is none. */
static bool real_number(PyObject *object, double *number)
{
    if (plain_number(object, number))
        return true;
    PyObject *result = PyObject_CallFunctionObjArgs(as_float, object, NULL);
    if (result == NULL)
        return false;
    *number = PyFloat_AsDouble(result);
    Py_DECREF(result);
    return true;
}

/* The argument that an operand stands for: itself, or a constant; a new reference. */
INLINE Value *argument(PyObject *operand)
{
    double number;
    if (is_value(operand))
        return (Value *)Py_NewRef(operand);
    return real_number(operand, &number) ? leaf(number, CONSTANT) : NULL;
}

static bool has_dimensions(PyObject *operand)
{
    PyObject *dimensions = PyObject_GetAttrString(operand, "ndim");
    int answer = dimensions == NULL ? 0 : PyObject_IsTrue(dimensions);
    Py_XDECREF(dimensions);
    PyErr_Clear();
    return answer == 1;
}

/* Whether an operand is an array, which applies an operator to each of its items itself. */
INLINE bool broadcasts(PyObject *operand)
{
    PyTypeObject *type = Py_TYPE(operand);
    if (type == value_type || type == &PyFloat_Type || type == &PyLong_Type)
        return false;
    return has_dimensions(operand);
}

/* --- Operations --- */

/* Find the rule in C of an operation, if it is one of the table; errors mean that it is not. */
static void look_up(Operation *op)
{
    op->known = true;
    PyObject *self = (PyObject *)op;
    if ((PyObject *)Py_TYPE(self) != op_type)
        return;
    PyObject *name = PyObject_GetAttrString(self, "name"), *rule = PyObject_GetAttrString(self, "written");
    PyObject *given = PyObject_GetAttrString(self, "parameters"), *numbers = given ? PyDict_Values(given) : NULL;
    for (int i = 0; name && rule && numbers && i < RULE_COUNT; i++) {
        if (PyUnicode_CompareWithASCIIString(name, rules[i].name) == 0) {
            Py_ssize_t count = PyList_Size(numbers);
            if (written[i] != NULL && PyObject_RichCompareBool(rule, written[i], Py_EQ) == 1) {
                op->rule = &rules[i];
                op->complete = count == rules[i].parameters;
                for (Py_ssize_t k = 0; k < count && k < PARAMETERS; k++)
                    op->parameters[k] = PyFloat_AsDouble(PyList_GetItem(numbers, k));
            }
            break;
        }
    }
    Py_XDECREF(name);
    Py_XDECREF(rule);
    Py_XDECREF(given);
    Py_XDECREF(numbers);
    PyErr_Clear();
}

/* The operation with its rule in C; NULL if it has none, or waits for its parameters. */
INLINE Operation *in_c(PyObject *op)
{
    if (!PyObject_TypeCheck(op, operation_type))
        return NULL;
    Operation *operation = (Operation *)op;
    if (!operation->known)
        look_up(operation);
    return operation->rule != NULL && operation->complete ? operation : NULL;
}

/* Recent operations with parameters, such as x ** 2; the same parameters give the same object. */
typedef struct {
    int number;
    double parameters[PARAMETERS];
    PyObject *op;
} Member;

static Member members[64];

/* rules[number] with these parameters: a borrowed reference. */
static PyObject *member(int number, const double *parameters)
{
    uint64_t hash = number, bits;
    for (int i = 0; i < rules[number].parameters; i++) {
        memcpy(&bits, &parameters[i], sizeof bits);
        hash = (hash ^ bits) * 0x9E3779B97F4A7C15u;
    }
    Member *place = &members[hash >> 58];
    bool same = place->op != NULL && place->number == number;
    for (int i = 0; same && i < rules[number].parameters; i++)
        same = place->parameters[i] == parameters[i];
    if (same)
        return place->op;
    PyObject *numbers = PyTuple_New(rules[number].parameters), *of = PyObject_GetAttrString(ops[number], "of");
    for (int i = 0; numbers && i < rules[number].parameters; i++)
        PyTuple_SetItem(numbers, i, PyFloat_FromDouble(parameters[i]));
    PyObject *op = numbers && of ? PyObject_CallObject(of, numbers) : NULL, *before = place->op;
    Py_XDECREF(numbers);
    Py_XDECREF(of);
    if (op == NULL)
        return NULL;
    place->op = op;
    place->number = number;
    memcpy(place->parameters, parameters, rules[number].parameters * sizeof *parameters);
    Py_XDECREF(before);
    return op;
}

static PyObject *args_of(Value *v)
{
    PyObject *args = PyTuple_New(COUNT(v));
    for (Py_ssize_t i = 0; args != NULL && i < COUNT(v); i++)
        PyTuple_SetItem(args, i, Py_NewRef((PyObject *)v->edge[i].arg));
    return args;
}

/* Set the local derivatives from a sequence of floats. */
static bool set_slopes(Value *v, PyObject *slopes)
{
    PyObject *row = PySequence_Tuple(slopes);
    if (row == NULL)
        return false;
    Py_ssize_t count = PyTuple_Size(row);
    if (count != COUNT(v))
        PyErr_Format(PyExc_ValueError, "%zd local derivatives for %zd arguments", count, COUNT(v));
    for (Py_ssize_t i = 0; i < count && !PyErr_Occurred(); i++)
        v->edge[i].slope = PyFloat_AsDouble(PyTuple_GetItem(row, i));
    Py_DECREF(row);
    return !PyErr_Occurred();
}

/* Compute a Value by the Python rule of its operation, which returns or raises. */
static bool computed_by_python(Value *v)
{
    PyObject *args = args_of(v), *numbers = PyList_New(COUNT(v)), *result = NULL;
    for (Py_ssize_t i = 0; args && numbers && i < COUNT(v); i++)
        PyList_SetItem(numbers, i, PyFloat_FromDouble(v->edge[i].arg->data));
    if (args && numbers)
        result = PyObject_CallMethod(v->op, "compute", "OO", numbers, args);
    Py_XDECREF(args);
    Py_XDECREF(numbers);
    if (result == NULL)
        return false;
    double data = PyFloat_AsDouble(PyTuple_GetItem(result, 0));
    bool done = !PyErr_Occurred() && set_slopes(v, PyTuple_GetItem(result, 1));
    if (done)
        v->data = data;
    Py_DECREF(result);
    return done;
}

/* Compute a Value whose slopes are the numbers of its arguments. */
INLINE bool computed(Value *v, Function function, const double *parameters)
{
    return function(v->edge, COUNT(v), parameters, &v->data) || computed_by_python(v);
}

INLINE PyObject *finished(Value *v, Function function, const double *parameters)
{
    if (!computed(v, function, parameters)) {
        Py_DECREF((PyObject *)v);
        return NULL;
    }
    number_as_new(v);
    return (PyObject *)v;
}

INLINE void connect(Value *v, Py_ssize_t place, Value *arg)
{
    v->edge[place].arg = arg;
    v->edge[place].slope = arg->data;
}

INLINE PyObject *unary(PyObject *op, Function function, const double *parameters, PyObject *x)
{
    Value *v = allocate(1);
    if (v == NULL)
        return NULL;
    v->op = Py_NewRef(op);
    connect(v, 0, (Value *)Py_NewRef(x));
    return finished(v, function, parameters);
}

INLINE PyObject *binary(int number, PyObject *x, PyObject *y)
{
    Value *left = argument(x), *right = left ? argument(y) : NULL, *v = right ? allocate(2) : NULL;
    if (v == NULL) {
        Py_XDECREF((PyObject *)left);
        Py_XDECREF((PyObject *)right);
        return NULL;
    }
    v->op = Py_NewRef(ops[number]);
    connect(v, 0, left);
    connect(v, 1, right);
    return finished(v, rules[number].function, NULL);
}

/* Free a Value of which only so many edges are connected. */
static PyObject *abandoned(Value *v, Py_ssize_t connected)
{
    for (Py_ssize_t i = connected; i < COUNT(v); i++)
        v->edge[i].arg = NULL;
    Py_DECREF((PyObject *)v);
    return NULL;
}

static PyObject *value_record(PyObject *self, PyObject *const *given, Py_ssize_t count)
{
    (void)self;
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "_record takes an operation and its arguments");
        return NULL;
    }
    PyObject *args = PySequence_Tuple(given[1]);
    Value *v = args == NULL ? NULL : allocate(PyTuple_Size(args));
    if (v == NULL) {
        Py_XDECREF(args);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < COUNT(v); i++) {
        Value *arg = argument(PyTuple_GetItem(args, i));
        if (arg == NULL) {
            Py_DECREF(args);
            return abandoned(v, i);
        }
        connect(v, i, arg);
    }
    Py_DECREF(args);
    v->op = Py_NewRef(given[0]);
    Operation *op = in_c(given[0]);
    if (op != NULL)
        return finished(v, op->rule->function, op->parameters);
    if (!computed_by_python(v)) {
        Py_DECREF((PyObject *)v);
        return NULL;
    }
    number_as_new(v);
    return (PyObject *)v;
}

/* --- An operation is called as a function, or as a method --- */

/* Connect the items of a list or a tuple; return how many were, fewer than its length if one is unusual. */
static Py_ssize_t connect_items(Value *v, Py_ssize_t start, PyObject *list, bool *has_value)
{
    bool is_list = PyList_CheckExact(list);
    Py_ssize_t i, length = is_list ? PyList_Size(list) : PyTuple_Size(list);
    for (i = 0; i < length; i++) {
        PyObject *item = is_list ? PyList_GetItem(list, i) : PyTuple_GetItem(list, i);
        double number;
        Value *arg;
        if (is_value(item)) {
            arg = (Value *)Py_NewRef(item);
            *has_value = true;
        } else {
            arg = plain_number(item, &number) ? leaf(number, CONSTANT) : NULL;
            if (arg == NULL)
                break;
        }
        connect(v, start + i, arg);
    }
    return i;
}

/* Apply an operation to lists; NULL without an error if something is unusual. */
static PyObject *apply_to_lists(PyObject *self, const Rule *rule, PyObject *const *lists)
{
    Py_ssize_t length = 0;
    for (int i = 0; i < rule->arity; i++) {
        bool is_list = PyList_CheckExact(lists[i]);
        if (!is_list && !PyTuple_CheckExact(lists[i]))
            return NULL;
        Py_ssize_t items = is_list ? PyList_Size(lists[i]) : PyTuple_Size(lists[i]);
        if (i > 0 && items != length)
            return NULL;
        length = items;
    }
    Value *v = allocate(length * rule->arity);
    if (v == NULL)
        return NULL;
    bool has_value = false;
    for (int i = 0; i < rule->arity; i++) {
        Py_ssize_t connected = connect_items(v, i * length, lists[i], &has_value);
        if (connected < length)
            return abandoned(v, i * length + connected);
    }
    if (!has_value)
        return abandoned(v, COUNT(v));
    v->op = Py_NewRef(self);
    return finished(v, rule->function, NULL);
}

/* Apply an operation to arguments and parameters; NULL without an error if something is unusual. */
INLINE PyObject *apply(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Operation *op = (Operation *)self;
    if (!op->known)
        look_up(op);
    const Rule *rule = op->rule;
    if (rule == NULL || count != rule->arity + (op->complete ? 0 : rule->parameters))
        return NULL;
    if (rule->over_lists)
        return apply_to_lists(self, rule, args);
    bool has_value = false;
    for (int i = 0; i < rule->arity; i++)
        has_value = has_value || is_value(args[i]);
    if (!has_value)
        return NULL;
    const double *parameters = op->parameters;
    double given[PARAMETERS];
    if (!op->complete) {
        for (int i = 0; i < rule->parameters; i++) {
            if (!plain_number(args[rule->arity + i], &given[i]))
                return NULL;
            given[i] += 0.0; /* -0.0 becomes 0.0 */
        }
        self = member((int)(rule - rules), given);
        parameters = given;
        if (self == NULL)
            return NULL;
    }
    Value *v = allocate(rule->arity);
    if (v == NULL)
        return NULL;
    for (int i = 0; i < rule->arity; i++) {
        double number;
        Value *arg = NULL;
        if (is_value(args[i]))
            arg = (Value *)Py_NewRef(args[i]);
        else if (plain_number(args[i], &number))
            arg = leaf(number, CONSTANT);
        if (arg == NULL)
            return abandoned(v, i);
        connect(v, i, arg);
    }
    v->op = Py_NewRef(self);
    return finished(v, rule->function, parameters);
}

/* Call the Python function that Op.__call__ is in op.py. */
static PyObject *call_python(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
    PyObject *all = PyTuple_New(1 + count), *keywords = named ? PyDict_New() : NULL, *result = NULL;
    if (all != NULL && (keywords != NULL || !named)) {
        PyTuple_SetItem(all, 0, Py_NewRef(op));
        for (Py_ssize_t i = 0; i < count; i++)
            PyTuple_SetItem(all, 1 + i, Py_NewRef(args[i]));
        for (Py_ssize_t i = 0; i < named; i++)
            PyDict_SetItem(keywords, PyTuple_GetItem(names, i), args[count + i]);
        result = PyErr_Occurred() ? NULL : PyObject_Call(python_call, all, keywords);
    }
    Py_XDECREF(all);
    Py_XDECREF(keywords);
    return result;
}

INLINE PyObject *called(PyObject *op, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *result = names == NULL ? apply(op, args, count) : NULL;
    if (result != NULL || PyErr_Occurred())
        return result;
    return call_python(op, args, count, names);
}

static PyObject *op_call(PyObject *op, PyObject *args, PyObject *keywords)
{
    PyObject *row[8], *result = NULL;
    Py_ssize_t count = PyTuple_Size(args);
    for (Py_ssize_t i = 0; i < count && i < 8; i++)
        row[i] = PyTuple_GetItem(args, i);
    if (keywords == NULL && count <= 8)
        result = apply(op, row, count);
    if (result != NULL || PyErr_Occurred())
        return result;
    PyObject *first = PyTuple_Pack(1, op), *all = first ? PySequence_Concat(first, args) : NULL;
    result = all ? PyObject_Call(python_call, all, keywords) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(all);
    return result;
}

/* A method is the operation with the Value before its other arguments. */
INLINE PyObject *method(int number, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    const Rule *rule = &rules[number];
    if (count == 0 && names == NULL && rule->arity == 1 && rule->parameters == 0)
        return unary(ops[number], rule->function, NULL, self);
    Py_ssize_t all = count + (names == NULL ? 0 : PyTuple_Size(names));
    PyObject *row[16];
    if (all > 15) {
        PyErr_Format(PyExc_TypeError, "%s takes fewer arguments", rule->name);
        return NULL;
    }
    row[0] = self;
    for (Py_ssize_t i = 0; i < all; i++)
        row[1 + i] = args[i];
    return called(ops[number], row, 1 + count, names);
}

#define METHOD(name, arity, parameters, over_lists)                                                                 \
    static PyObject *method_##name(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)        \
    {                                                                                                               \
        return method(RULE_##name, self, args, count, names);                                                       \
    }
SCALAR_RULES(METHOD)

/* --- Operators --- */

#define OPERATOR(name)                                                                                              \
    static PyObject *operator_##name(PyObject *x, PyObject *y)                                                      \
    {                                                                                                               \
        if (broadcasts(x) || broadcasts(y))                                                                         \
            return Py_NewRef(Py_NotImplemented);                                                                    \
        return binary(RULE_##name, x, y);                                                                           \
    }
OPERATOR(add)
OPERATOR(sub)
OPERATOR(mul)
OPERATOR(div)
OPERATOR(pow)

static PyObject *operator_power(PyObject *x, PyObject *y, PyObject *modulus)
{
    if (modulus != Py_None)
        return Py_NewRef(Py_NotImplemented);
    if (is_value(y) || !is_value(x) || broadcasts(y))
        return operator_pow(x, y);
    double exponent;
    if (!real_number(y, &exponent))
        return NULL;
    exponent += 0.0; /* -0.0 becomes 0.0 */
    PyObject *op = member(RULE_power, &exponent);
    return op == NULL ? NULL : unary(op, rule_power, &exponent, x);
}

static PyObject *operator_neg(PyObject *x)
{
    return unary(ops[RULE_neg], rule_neg, NULL, x);
}

static PyObject *operator_abs(PyObject *x)
{
    return unary(ops[RULE_abs], rule_abs, NULL, x);
}

static PyObject *operator_positive(PyObject *x)
{
    return Py_NewRef(x);
}

/* --- Walks --- */

typedef struct {
    Value *value;
    double grad; /* what it was before the pass */
} Visit;

typedef struct {
    Visit *items;
    Py_ssize_t count, room;
} Visits;

/* What a walk writes on: what it found, the leaves that a pass met, and what it found in the order of making. */
typedef struct {
    Visits found, leaves;
    Value **order;
    size_t room;
} Scratch;

/* One is kept for the next walk, unless it is large. A walk takes it and so owns it. */
static Scratch spare;
enum { LARGE = 1 << 16 };

static Scratch taken(void)
{
    Scratch scratch = spare;
    memset(&spare, 0, sizeof spare);
    scratch.found.count = scratch.leaves.count = 0;
    return scratch;
}

static void give_back(Scratch *scratch)
{
    bool small = scratch->found.room <= LARGE && scratch->leaves.room <= LARGE && scratch->room <= LARGE;
    if (small && spare.found.items == NULL) {
        spare = *scratch;
        return;
    }
    PyMem_Free(scratch->found.items);
    PyMem_Free(scratch->leaves.items);
    PyMem_Free(scratch->order);
}

static bool grow(Visits *visits)
{
    Py_ssize_t room = visits->room ? 2 * visits->room : 64;
    Visit *larger = PyMem_Realloc(visits->items, room * sizeof(Visit));
    if (larger == NULL)
        return false;
    visits->items = larger;
    visits->room = room;
    return true;
}

INLINE bool visit(Visits *visits, Value *v)
{
    if (visits->count == visits->room && !grow(visits))
        return false;
    visits->items[visits->count++] = (Visit){v, v->grad};
    v->serial |= MARKED;
    return true;
}

static void remove_marks(const Visits *visits)
{
    for (Py_ssize_t i = 0; i < visits->count; i++)
        visits->items[i].value->serial &= ~(uint64_t)MARKED;
}

static void undo(const Visits *visits)
{
    for (Py_ssize_t i = 0; i < visits->count; i++) {
        visits->items[i].value->grad = visits->items[i].grad;
        visits->items[i].value->serial &= ~(uint64_t)MARKED;
    }
}

static int by_serial(const void *x, const void *y)
{
    uint64_t left = SERIAL(*(Value *const *)x), right = SERIAL(*(Value *const *)y);
    return (left > right) - (left < right);
}

/* Bring what was found into the order of making; return false if there is no memory left. Most graphs are
 * made in one go: then each Value has its place by its number, and none are compared. */
static bool arrange(Scratch *scratch, uint64_t least)
{
    const Visits *found = &scratch->found;
    size_t count = found->count, range = SERIAL(found->items[0].value) - least + 1;
    bool dense = range / 32 <= count;
    size_t room = dense ? range : count;
    if (room > scratch->room) {
        PyMem_Free(scratch->order);
        scratch->room = room + room / 2 + 64;
        scratch->order = PyMem_Malloc(scratch->room * sizeof(Value *));
        if (scratch->order == NULL) {
            scratch->room = 0;
            return false;
        }
    }
    Value **order = scratch->order;
    if (!dense) {
        for (size_t i = 0; i < count; i++)
            order[i] = found->items[i].value;
        qsort(order, count, sizeof *order, by_serial);
        return true;
    }
    memset(order, 0, range * sizeof *order);
    for (size_t i = 0; i < count; i++) {
        Value *v = found->items[i].value;
        order[SERIAL(v) - least] = v;
    }
    size_t filled = 0;
    for (size_t i = 0; i < range; i++) {
        order[filled] = order[i];
        filled += order[i] != NULL;
    }
    return true;
}

/* Find and mark the root and every Value below it that was computed, and the leaves if they are wanted, and
 * bring them into the order of making. `stale` says whether a number was assigned after it was used.
 * Return false, with an error and no marks, if there is no memory left. */
INLINE bool walk(Scratch *scratch, Value *root, bool leaves, bool *stale)
{
    Visits *found = &scratch->found;
    uint64_t least = SERIAL(root);
    bool late = false, enough = visit(found, root);
    for (Py_ssize_t next = 0; enough && next < found->count; next++) {
        Value *v = found->items[next].value;
        bool suspect = SERIAL(v) <= last_assignment;
        for (Py_ssize_t i = 0; i < COUNT(v); i++) {
            Value *arg = v->edge[i].arg;
            late |= suspect && arg->stamp > v->stamp;
            if ((leaves || COUNT(arg) != 0) && !(arg->serial & MARKED)) {
                enough = enough && visit(found, arg);
                if (SERIAL(arg) < least)
                    least = SERIAL(arg);
            }
        }
    }
    *stale = late;
    if (enough && arrange(scratch, least))
        return true;
    remove_marks(found);
    PyErr_NoMemory();
    return false;
}

/* A list of the root and every Value below it, arguments first. */
static PyObject *order_of(Value *root)
{
    bool stale;
    Scratch scratch = taken();
    if (!walk(&scratch, root, true, &stale)) {
        give_back(&scratch);
        return NULL;
    }
    remove_marks(&scratch.found);
    PyObject *list = PyList_New(scratch.found.count);
    for (Py_ssize_t i = 0; list != NULL && i < scratch.found.count; i++)
        PyList_SetItem(list, i, Py_NewRef((PyObject *)scratch.order[i]));
    give_back(&scratch);
    return list;
}

static PyObject *topological_order(PyObject *self, PyObject *args, PyObject *keywords)
{
    (void)self;
    static char *names[] = {"root", "is_leaf", NULL};
    PyObject *root, *is_leaf = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:topological_order", names, &root, &is_leaf))
        return NULL;
    if (is_leaf != Py_None || !is_value(root)) /* which may walk itself: without marks */
        return PyObject_Call(python_order, args, keywords);
    return order_of((Value *)root);
}

/* Raise Python's error for the first Value of a list that was assigned after it was used. */
static bool raise_if_stale(PyObject *order)
{
    for (Py_ssize_t i = 0; i < PyList_Size(order); i++) {
        Value *v = (Value *)PyList_GetItem(order, i);
        if (!is_value((PyObject *)v))
            continue;
        for (Py_ssize_t k = 0; k < COUNT(v); k++) {
            if (v->edge[k].arg->stamp <= v->stamp)
                continue;
            PyObject *error = PyObject_CallFunctionObjArgs(stale_error, (PyObject *)v->edge[k].arg, NULL);
            if (error != NULL)
                PyErr_SetObject((PyObject *)Py_TYPE(error), error);
            Py_XDECREF(error);
            return false;
        }
    }
    return true;
}

static PyObject *expect_current(PyObject *self, PyObject *order)
{
    (void)self;
    PyObject *list = PySequence_List(order);
    bool current = list != NULL && raise_if_stale(list);
    Py_XDECREF(list);
    return current ? Py_NewRef(Py_None) : NULL;
}

/* --- The two passes --- */

/* Compute all gradients; return false if one is not finite or there is no memory, and then they are to be undone. */
static bool sweep(Scratch *scratch)
{
    Visits *leaves = &scratch->leaves;
    bool enough = true, finite = true;
    for (Py_ssize_t i = scratch->found.count; i-- > 0;) {
        Value *v = scratch->order[i];
        double grad = v->grad;
        finite &= isfinite(grad);
        for (Edge *edge = v->edge, *end = edge + COUNT(v); edge < end; edge++) {
            Value *arg = edge->arg;
            if (!(arg->serial & MARKED)) { /* a leaf is met for the first time */
                enough &= visit(leaves, arg);
                arg->grad = 0.0;
            }
            arg->grad += grad * edge->slope; /* the chain rule */
        }
    }
    for (Py_ssize_t i = 0; enough && i < leaves->count; i++) {
        Value *leaf = leaves->items[i].value;
        finite &= isfinite(leaf->grad);
        leaf->grad += leaves->items[i].grad;
        leaf->serial &= ~(uint64_t)MARKED;
    }
    return enough && finite;
}

/* The pass again, where some number is not finite. */
static PyObject *careful_backward(PyObject *root)
{
    PyObject *order = order_of((Value *)root);
    PyObject *adjoints = order ? PyObject_CallFunctionObjArgs(careful_adjoints, root, order, NULL) : NULL;
    if (adjoints == NULL) {
        Py_XDECREF(order);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_Size(order); i++) {
        Value *v = (Value *)PyList_GetItem(order, i);
        PyObject *found = PyDict_GetItemWithError(adjoints, (PyObject *)v);
        double grad = found == NULL ? 0.0 : PyFloat_AsDouble(found);
        v->grad = COUNT(v) ? grad : v->grad + grad;
    }
    Py_DECREF(order);
    Py_DECREF(adjoints);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* Raise Python's error for options that are not known: what to write instead. */
static bool refused(const char *of, PyObject *options, PyObject *known)
{
    PyObject *error = PyObject_CallFunction(refuse_options, "sOO", of, options, known);
    Py_XDECREF(error);
    return error == NULL;
}

static PyObject *value_backward(PyObject *self, PyObject *factor, PyObject *unknown)
{
    if (PyTuple_Size(factor) > 0 || (unknown != NULL && PyDict_Size(unknown) > 0)) {
        PyObject *given = unknown ? Py_NewRef(unknown) : Py_BuildValue("(s)", "gradient"), *none = PyTuple_New(0);
        if (given != NULL && none != NULL)
            refused("backward", given, none);
        Py_XDECREF(given);
        Py_XDECREF(none);
        return NULL;
    }
    Value *root = (Value *)self;
    if (COUNT(root) == 0) {
        root->grad += 1.0;
        return Py_NewRef(Py_None);
    }
    bool stale, done = false;
    Scratch scratch = taken();
    if (!walk(&scratch, root, false, &stale)) {
        give_back(&scratch);
        return NULL;
    }
    if (!stale) {
        for (Py_ssize_t i = 0; i < scratch.found.count; i++)
            scratch.order[i]->grad = 0.0;
        root->grad = 1.0;
        done = sweep(&scratch);
    }
    if (done) {
        remove_marks(&scratch.found);
    } else {
        undo(&scratch.leaves);
        undo(&scratch.found);
    }
    give_back(&scratch);
    if (done)
        return Py_NewRef(Py_None);
    if (!stale)
        return careful_backward(self);
    PyObject *order = order_of(root);
    bool current = order == NULL || raise_if_stale(order);
    Py_XDECREF(order);
    return current && !PyErr_Occurred() ? Py_NewRef(Py_None) : NULL;
}

/* Compute a Value anew; if it raises, its number and slopes are as before. */
static bool recompute(Value *v)
{
    Operation *op = in_c(v->op);
    double few[8], *before = few;
    Py_ssize_t count = COUNT(v);
    if (op == NULL)
        return computed_by_python(v);
    if (count > 8 && (before = PyMem_Malloc(count * sizeof *before)) == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        before[i] = v->edge[i].slope;
        v->edge[i].slope = v->edge[i].arg->data;
    }
    double data = v->data;
    bool done = op->rule->function(v->edge, count, op->parameters, &v->data);
    if (!done) {
        v->data = data;
        for (Py_ssize_t i = 0; i < count; i++)
            v->edge[i].slope = before[i];
        done = computed_by_python(v);
    }
    if (before != few)
        PyMem_Free(before);
    return done;
}

static PyObject *value_forward(PyObject *self, PyObject *unused)
{
    (void)unused;
    bool stale, done = true;
    Scratch scratch = taken();
    if (walk(&scratch, (Value *)self, false, &stale)) {
        remove_marks(&scratch.found);
        for (Py_ssize_t i = 0; done && i < scratch.found.count; i++) {
            Value *v = scratch.order[i];
            if (v->op == NULL)
                continue;
            done = recompute(v);
            if (done)
                v->stamp = last_assignment = ++tick;
        }
    } else {
        done = false;
    }
    give_back(&scratch);
    return done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *value_zero_grad(PyObject *self, PyObject *unused)
{
    (void)unused;
    bool stale;
    Scratch scratch = taken();
    bool done = walk(&scratch, (Value *)self, true, &stale);
    for (Py_ssize_t i = 0; done && i < scratch.found.count; i++)
        scratch.found.items[i].value->grad = 0.0;
    if (done)
        remove_marks(&scratch.found);
    give_back(&scratch);
    return done ? Py_NewRef(Py_None) : NULL;
}

/* --- Attributes --- */

static PyObject *get_data(PyObject *self, void *unused)
{
    (void)unused;
    return PyFloat_FromDouble(((Value *)self)->data);
}

/* Whether an attribute is deleted; if so, with Python's error. */
static bool deleted(PyObject *to, void *name)
{
    if (to == NULL)
        PyErr_Format(PyExc_AttributeError, "property '%s' of 'Value' object has no deleter", (char *)name);
    return to == NULL;
}

static int set_data(PyObject *self, PyObject *to, void *name)
{
    Value *v = (Value *)self;
    double number;
    if (deleted(to, name) || !real_number(to, &number))
        return -1;
    if (number != v->data || signbit(number) != signbit(v->data)) {
        v->data = number;
        bool current = true;
        for (Py_ssize_t i = 0; i < COUNT(v); i++)
            current &= v->edge[i].arg->stamp <= v->stamp;
        if (current) /* what is stale stays so: its slopes are */
            v->stamp = last_assignment = ++tick;
    }
    return 0;
}

static PyObject *get_grad(PyObject *self, void *unused)
{
    (void)unused;
    return PyFloat_FromDouble(((Value *)self)->grad);
}

static int set_grad(PyObject *self, PyObject *to, void *name)
{
    return deleted(to, name) || !real_number(to, &((Value *)self)->grad) ? -1 : 0;
}

static PyObject *get_label(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *name = ((Value *)self)->name;
    if (name == NULL)
        return PyUnicode_FromStringAndSize("", 0);
    return Py_NewRef(PyTuple_Check(name) ? PyTuple_GetItem(name, 0) : name);
}

static PyObject *get_group(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *name = ((Value *)self)->name;
    return Py_NewRef(name != NULL && PyTuple_Check(name) ? PyTuple_GetItem(name, 1) : Py_None);
}

/* Both are set at once, from references that are given up. */
static int set_name(Value *v, PyObject *label, PyObject *group)
{
    PyObject *before = v->name, *name;
    if (label == NULL || group == NULL) {
        Py_XDECREF(label);
        Py_XDECREF(group);
        return -1;
    }
    if (group != Py_None) {
        name = PyTuple_Pack(2, label, group);
        Py_DECREF(label);
        if (name == NULL) {
            Py_DECREF(group);
            return -1;
        }
        PyObject_GC_UnTrack(name); /* as a Value is not tracked, the collector could not use it */
    } else if (PyUnicode_GetLength(label) == 0) {
        name = NULL;
        Py_DECREF(label);
    } else {
        name = label;
    }
    Py_DECREF(group);
    v->name = name;
    Py_XDECREF(before);
    return 0;
}

static int set_label(PyObject *self, PyObject *to, void *name)
{
    if (deleted(to, name))
        return -1;
    PyObject *label = PyUnicode_CheckExact(to) ? Py_NewRef(to) : PyObject_CallFunctionObjArgs(as_text, to, NULL);
    return label == NULL ? -1 : set_name((Value *)self, label, get_group(self, NULL));
}

static int set_group(PyObject *self, PyObject *to, void *name)
{
    return deleted(to, name) ? -1 : set_name((Value *)self, get_label(self, NULL), Py_NewRef(to));
}

/* _name((label, group)), for networks: the tuple itself is kept. */
static PyObject *value_name(PyObject *self, PyObject *name)
{
    if (!PyTuple_CheckExact(name) || PyTuple_Size(name) != 2 || !PyUnicode_CheckExact(PyTuple_GetItem(name, 0))) {
        PyErr_SetString(PyExc_TypeError, "_name takes a tuple of a label and a group");
        return NULL;
    }
    PyObject *before = ((Value *)self)->name;
    ((Value *)self)->name = Py_NewRef(name);
    Py_XDECREF(before);
    return Py_NewRef(Py_None);
}

static PyObject *get_op(PyObject *self, void *unused)
{
    (void)unused;
    PyObject *op = ((Value *)self)->op;
    return Py_NewRef(op == NULL ? Py_None : op);
}

static PyObject *get_args(PyObject *self, void *unused)
{
    (void)unused;
    return args_of((Value *)self);
}

static PyObject *get_slopes(PyObject *self, void *unused)
{
    (void)unused;
    Value *v = (Value *)self;
    PyObject *slopes = PyTuple_New(COUNT(v));
    for (Py_ssize_t i = 0; slopes != NULL && i < COUNT(v); i++)
        PyTuple_SetItem(slopes, i, PyFloat_FromDouble(v->edge[i].slope));
    return slopes;
}

static PyObject *get_is_constant(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((Value *)self)->serial & CONSTANT);
}

static PyObject *get_serial(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(SERIAL((Value *)self));
}

static PyObject *get_stamp(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(((Value *)self)->stamp);
}

static PyGetSetDef attributes[] = {
    {"data", get_data, set_data, DOC_data, "data"},
    {"grad", get_grad, set_grad, DOC_grad, "grad"},
    {"label", get_label, set_label, DOC_label, "label"},
    {"group", get_group, set_group, DOC_group, "group"},
    {"op", get_op, NULL, DOC_op, NULL},
    {"args", get_args, NULL, DOC_args, NULL},
    {"slopes", get_slopes, NULL, DOC_slopes, NULL},
    {"is_constant", get_is_constant, NULL, DOC_is_constant, NULL},
    {"_args", get_args, NULL, NULL, NULL},
    {"_serial", get_serial, NULL, NULL, NULL},
    {"_stamp", get_stamp, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- Construction --- */

/* An object of any class of Values, with so many arguments. */
static Value *new_value(PyTypeObject *type, Py_ssize_t count)
{
    if (type == value_type) {
        Value *v = allocate(count);
        for (Py_ssize_t i = 0; v != NULL && i < count; i++)
            v->edge[i].arg = NULL;
        return v;
    }
    return (Value *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, count);
}

/* Connect arguments of which nothing is computed yet. */
static bool connect_values(Value *v, PyObject *args)
{
    PyObject *ignored, *all = PyTuple_New(1 + PyTuple_Size(args));
    if (all == NULL)
        return false;
    PyTuple_SetItem(all, 0, PyUnicode_FromString("the children of a Value are"));
    for (Py_ssize_t i = 0; i < PyTuple_Size(args); i++)
        PyTuple_SetItem(all, 1 + i, Py_NewRef(PyTuple_GetItem(args, i)));
    ignored = PyObject_CallObject(expect_values, all);
    Py_DECREF(all);
    if (ignored == NULL)
        return false;
    Py_DECREF(ignored);
    for (Py_ssize_t i = 0; i < COUNT(v); i++) {
        PyObject *arg = PyTuple_GetItem(args, i);
        if (!is_value(arg)) {
            PyErr_SetString(PyExc_TypeError, "the children of a Value are Values");
            return false;
        }
        v->edge[i].arg = (Value *)Py_NewRef(arg);
        v->edge[i].slope = NAN; /* until _backward is assigned */
    }
    return true;
}

typedef struct {
    PyObject *data, *children, *op, *label;
} Given;

static bool parsed(Given *given, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"data", "children", "op", "label", NULL};
    memset(given, 0, sizeof *given);
    static const char *format = "O|OOO:Value";
    if (!PyArg_ParseTupleAndKeywords(args, keywords, format, names, &given->data, &given->children, &given->op,
                                     &given->label)) {
        PyObject *known = keywords ? Py_BuildValue("[ssss]", names[0], names[1], names[2], names[3]) : NULL;
        if (known != NULL) {
            PyErr_Clear();
            if (!refused("Value", keywords, known)) /* it was something else: raise that again */
                PyArg_ParseTupleAndKeywords(args, keywords, format, names, &given->data, &given->children,
                                            &given->op, &given->label);
            Py_DECREF(known);
        }
        return false;
    }
    if (given->children != NULL && PyUnicode_Check(given->children)) {
        given->label = given->children;
        given->children = NULL;
    }
    return true;
}

static bool fill(Value *v, const Given *given)
{
    if (!real_number(given->data, &v->data))
        return false;
    if (given->label != NULL && set_label((PyObject *)v, given->label, "label") < 0)
        return false;
    number_as_new(v);
    return true;
}

/* Value(...) is made here whole. An object of a subclass gets its number in __init__, which may be its own. */
static PyObject *value_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    Given given;
    if (type != value_type) {
        Value *v = new_value(type, 0);
        if (v != NULL) {
            v->data = NAN;
            number_as_new(v);
        }
        return (PyObject *)v;
    }
    double number;
    if (keywords == NULL && PyTuple_Size(args) == 1 && plain_number(PyTuple_GetItem(args, 0), &number))
        return (PyObject *)leaf(number, 0);
    if (!parsed(&given, args, keywords))
        return NULL;
    PyObject *children = given.children == NULL ? PyTuple_New(0) : NULL;
    if (children == NULL && given.children != NULL) {
        int some = PyObject_IsTrue(given.children);
        children = some < 0 ? NULL : some ? PySequence_Tuple(given.children) : PyTuple_New(0);
    }
    Value *v = children == NULL ? NULL : new_value(type, PyTuple_Size(children));
    bool done = v != NULL && connect_values(v, children) && fill(v, &given);
    if (done && COUNT(v) != 0) {
        bool named = given.op != NULL && PyObject_IsTrue(given.op) == 1;
        v->op = named ? PyObject_CallFunction(closure_type, "On", given.op, COUNT(v))
                      : PyObject_CallFunction(closure_type, "sn", "custom", COUNT(v));
        done = v->op != NULL;
    }
    Py_XDECREF(children);
    if (!done)
        Py_CLEAR(v);
    return (PyObject *)v;
}

static int value_init(PyObject *self, PyObject *args, PyObject *keywords)
{
    Given given;
    if (Py_TYPE(self) == value_type)
        return 0;
    if (!parsed(&given, args, keywords))
        return -1;
    int some = given.children == NULL ? 0 : PyObject_IsTrue(given.children);
    if (some > 0)
        PyErr_SetString(PyExc_TypeError, "only Value itself takes children, not a class derived from it");
    return some == 0 && fill((Value *)self, &given) ? 0 : -1;
}

/* _restore(data, grad, label, group, is_constant, op, args, slopes), for copies and pickles. */
static PyObject *value_restore(PyObject *type, PyObject *state)
{
    double data, grad;
    PyObject *label, *group, *op, *args, *slopes;
    int is_constant;
    if (!PyArg_ParseTuple(state, "ddOOpOO!O:_restore", &data, &grad, &label, &group, &is_constant, &op, &PyTuple_Type,
                          &args, &slopes))
        return NULL;
    Value *v = new_value((PyTypeObject *)type, PyTuple_Size(args));
    if (v == NULL)
        return NULL;
    v->data = data;
    v->grad = grad;
    v->op = op == Py_None ? NULL : Py_NewRef(op);
    v->serial = is_constant ? CONSTANT : 0;
    number_as_new(v);
    if (!connect_values(v, args) || !set_slopes(v, slopes) || set_label((PyObject *)v, label, "label") < 0 ||
        set_group((PyObject *)v, group, "group") < 0)
        Py_CLEAR(v);
    return (PyObject *)v;
}

/* _become(op, slopes), for closures. */
static PyObject *value_become(PyObject *self, PyObject *given)
{
    PyObject *op, *slopes;
    if (!PyArg_ParseTuple(given, "OO:_become", &op, &slopes) || !set_slopes((Value *)self, slopes))
        return NULL;
    PyObject *before = ((Value *)self)->op;
    ((Value *)self)->op = Py_NewRef(op);
    Py_XDECREF(before);
    return Py_NewRef(Py_None);
}

static PyObject *value_outdate(PyObject *self, PyObject *stamp)
{
    ((Value *)self)->stamp = PyLong_AsUnsignedLongLong(stamp);
    last_assignment = ++tick;
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* --- The types and the module --- */

#define FAST(function) (PyCFunction)(void (*)(void)) function

#define METHOD_ENTRY(name, arity, parameters, over_lists)                                                           \
    {#name, FAST(method_##name), METH_FASTCALL | METH_KEYWORDS,                            \
     "Return " #name " of this Value: the operation " #name " of the table."},

static PyMethodDef methods[] = {
    {"backward", FAST(value_backward), METH_VARARGS | METH_KEYWORDS, "backward($self, *factor, **unknown)\n--\n\n" DOC_backward},
    {"forward", value_forward, METH_NOARGS, "forward($self)\n--\n\n" DOC_forward},
    {"zero_grad", value_zero_grad, METH_NOARGS, "zero_grad($self)\n--\n\n" DOC_zero_grad},
    {"_record", FAST(value_record), METH_FASTCALL | METH_STATIC, NULL},
    {"_restore", value_restore, METH_VARARGS | METH_CLASS, NULL},
    {"_name", value_name, METH_O, NULL},
    {"_become", value_become, METH_VARARGS, NULL},
    {"_outdate", value_outdate, METH_O, NULL},
    SCALAR_RULES(METHOD_ENTRY) {NULL, NULL, 0, NULL},
};

static PyMemberDef offsets[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Value, attributes), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Value, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

/* Python makes every class with Python methods known to the garbage collector, Common too. A function of its own
 * for traversal keeps Value from inheriting that; of a class derived from Value the collector learns nothing. */
static int value_traverse(PyObject *self, visitproc visitor, void *arg)
{
    (void)self, (void)visitor, (void)arg;
    return 0;
}

static PyType_Slot value_slots[] = {
    {Py_tp_doc, "Value(data, children=(), op='', label='', **unknown)\n--\n\n" DOC_Value},
    {Py_tp_new, value_new},
    {Py_tp_init, value_init},
    {Py_tp_dealloc, value_dealloc},
    {Py_tp_traverse, value_traverse},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, offsets},
    {Py_nb_add, operator_add},
    {Py_nb_subtract, operator_sub},
    {Py_nb_multiply, operator_mul},
    {Py_nb_true_divide, operator_div},
    {Py_nb_power, operator_power},
    {Py_nb_negative, operator_neg},
    {Py_nb_positive, operator_positive},
    {Py_nb_absolute, operator_abs},
    {0, NULL},
};

static PyType_Spec value_spec = {
    .name = "tinygrad_edu.engine.value.Value",
    .basicsize = sizeof(Value),
    .itemsize = sizeof(Edge),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = value_slots,
};

static PyType_Slot operation_slots[] = {
    {Py_tp_doc, "The base class of Op: where an operation keeps its rule in C."},
    {Py_tp_call, op_call},
    {0, NULL},
};

static PyType_Spec operation_spec = {
    .name = "tinygrad_edu.engine._engine.Operation",
    .basicsize = sizeof(Operation),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = operation_slots,
};

/* Import one name of a module. */
static PyObject *imported(const char *module, const char *name)
{
    PyObject *found = PyImport_ImportModule(module), *object = found ? PyObject_GetAttrString(found, name) : NULL;
    Py_XDECREF(found);
    return object;
}

/* create(topological_order): make the class, and Op.__call__ fast. Called once, by value.py. */
static PyObject *create(PyObject *self, PyObject *order)
{
    PyObject *table = imported("tinygrad_edu.engine.op", "TABLE");
    PyObject *common = imported("tinygrad_edu.engine.common", "Common");
    op_type = imported("tinygrad_edu.engine.op", "Op");
    as_float = imported("tinygrad_edu.engine.errors", "as_float");
    as_text = imported("tinygrad_edu.engine.errors", "as_text");
    expect_values = imported("tinygrad_edu.engine.errors", "expect_values");
    stale_error = imported("tinygrad_edu.engine.errors", "stale_error");
    careful_adjoints = imported("tinygrad_edu.engine.limits", "adjoints");
    refuse_options = imported("tinygrad_edu._common.names", "refuse_options");
    closure_type = imported("tinygrad_edu.engine.lecture", "Closure");
    python_order = Py_NewRef(order);
    if (PyErr_Occurred())
        return NULL;
    for (int i = 0; i < RULE_COUNT; i++) {
        ops[i] = PyMapping_GetItemString(table, rules[i].name);
        written[i] = ops[i] ? PyObject_GetAttrString(ops[i], "written") : NULL;
        if (written[i] == NULL)
            return NULL;
    }
    Py_DECREF(table);
    python_call = PyObject_GetAttrString(op_type, "__call__");
    /* Without a __call__ of its own, Op inherits the one of Operation, which asks the former where it has to. */
    if (python_call == NULL || PyObject_DelAttrString(op_type, "__call__") < 0)
        return NULL;
    value_type = (PyTypeObject *)PyType_FromModuleAndSpec(self, &value_spec, common);
    Py_DECREF(common);
    return Py_XNewRef((PyObject *)value_type);
}

static PyMethodDef functions[] = {
    {"create", create, METH_O, "Return the class Value; for value.py."},
    {"topological_order", FAST(topological_order), METH_VARARGS | METH_KEYWORDS,
     "topological_order($module, root, is_leaf=None)\n--\n\n" DOC_topological_order},
    {"expect_current", expect_current, METH_O, "expect_current($module, order)\n--\n\n" DOC_expect_current},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_engine", .m_doc = "The engine in C.", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit__engine(void)
{
    PyObject *engine = PyModule_Create(&module);
    operation_type = engine == NULL ? NULL : (PyTypeObject *)PyType_FromSpec(&operation_spec);
    if (operation_type == NULL || PyModule_AddObjectRef(engine, "Operation", (PyObject *)operation_type) < 0 ||
        PyModule_AddIntConstant(engine, "RULES", RULES_CHECKSUM) < 0) {
        Py_XDECREF(engine);
        return NULL;
    }
    return engine;
}
