/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 Ringferry contributors */

/* JSON-RPC 2.0: what a line holds, one request after the other, the answers. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/rpc.h"

/* One request. There is one at a time for each line. */
struct rpc_call {
	struct rpc_line *line;
	json_t *id; /* NULL: a notification, which gets no answer */
	bool in_handler;
	bool finished;
};

struct rpc_line {
	const struct rpc_service *service;
	rpc_answer_fn answer;
	rpc_audit_fn audit;
	void *arg;
	json_t *requests; /* an array in any case */
	bool batch;
	size_t next;
	json_t *answers;
	struct rpc_call call;
};

static const char *const type_names[] = {
	[RPC_STRING] = "string",
	[RPC_INTEGER] = "integer",
	[RPC_BOOLEAN] = "boolean",
	[RPC_STRINGS] = "array of strings",
};

const char *
rpc_type_name(enum rpc_type type)
{
	return (unsigned int)type < RTE_DIM(type_names) ? type_names[type] : "?";
}

json_t *
rpc_string(const char *text)
{
	json_t *string = json_string(text);
	size_t len = strlen(text);
	char *copy;
	size_t i;

	if (string != NULL)
		return string;
	copy = malloc(len + 1);
	if (copy == NULL)
		return NULL;
	for (i = 0; i <= len; i++)
		copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	string = json_string(copy);
	free(copy);
	return string;
}

static json_t *
error_object(int code, const char *message, int error)
{
	json_t *object = json_object();

	json_object_set_new(object, "code", json_integer(code));
	json_object_set_new(object, "message", rpc_string(message));
	if (error != 0) {
		const char *name = strerrorname_np(error);

		json_object_set_new(object, "data",
			json_pack("{s:i, s:s}", "errno", error, "name", name == NULL ? "?" : name));
	}
	return object;
}

/* Takes the value over; the id is borrowed, NULL is null. */
static json_t *
response(json_t *id, const char *key, json_t *value)
{
	json_t *object = json_object();

	json_object_set_new(object, "jsonrpc", json_string("2.0"));
	json_object_set_new(object, "id", id == NULL ? json_null() : json_incref(id));
	json_object_set_new(object, key, value);
	return object;
}

/* A line to be freed. NULL without memory. */
static char *
dump_line(const json_t *json, size_t *len)
{
	char *text = json_dumps(json, JSON_COMPACT);
	char *line;

	if (text == NULL)
		return NULL;
	*len = strlen(text);
	line = realloc(text, *len + 2);
	if (line == NULL) {
		free(text);
		return NULL;
	}
	line[(*len)++] = '\n';
	line[*len] = '\0';
	return line;
}

char *
rpc_error_line(int code, const char *message)
{
	json_t *json = response(NULL, "error", error_object(code, message, 0));
	size_t len;
	char *line = dump_line(json, &len);

	json_decref(json);
	return line;
}

static void
add_answer(struct rpc_line *line, json_t *answer)
{
	json_array_append_new(line->answers, answer);
}

static void
add_error(struct rpc_line *line, json_t *id, int code, const char *message, int error)
{
	add_answer(line, response(id, "error", error_object(code, message, error)));
}

/* The answer to the current call. */
static void
call_answer(struct rpc_call *call, int ret, json_t *result, const struct base_error *err)
{
	const char *message;

	call->finished = true;
	if (call->id == NULL) {
		json_decref(result);
		return;
	}
	if (ret == 0 && result == NULL) {
		add_error(call->line, call->id, RPC_INTERNAL_ERROR, "no memory for the answer",
			ENOMEM);
	} else if (ret == 0) {
		add_answer(call->line, response(call->id, "result", result));
	} else {
		message = err != NULL && err->text[0] != '\0' ? err->text : strerror(-ret);
		add_error(call->line, call->id, RPC_FAILED, message, -ret);
		json_decref(result);
	}
}

static const struct rpc_method *
find_method(const struct rpc_service *service, const char *name)
{
	unsigned int i;

	for (i = 0; i < service->n_methods; i++)
		if (strcmp(service->methods[i].name, name) == 0)
			return &service->methods[i];
	return NULL;
}

static bool
has_type(const json_t *value, enum rpc_type type)
{
	const json_t *item;
	size_t i;

	switch (type) {
	case RPC_STRING:
		return json_is_string(value);
	case RPC_INTEGER:
		return json_is_integer(value);
	case RPC_BOOLEAN:
		return json_is_boolean(value);
	case RPC_STRINGS:
		json_array_foreach(value, i, item)
			if (!json_is_string(item))
				return false;
		return json_is_array(value);
	default:
		return false;
	}
}

static const struct rpc_param *
find_param(const struct rpc_method *method, const char *name)
{
	unsigned int i;

	for (i = 0; i < RPC_MAX_PARAMS && method->params[i].name != NULL; i++)
		if (strcmp(method->params[i].name, name) == 0)
			return &method->params[i];
	return NULL;
}

static int
check_param(const struct rpc_method *method, const char *name, const json_t *value,
	struct base_error *err)
{
	const struct rpc_param *param = find_param(method, name);

	if (param != NULL && !has_type(value, param->type))
		return base_error_set(err, EINVAL, "parameter %s of %s: expected %s %s", name,
			method->name,
			param->type == RPC_INTEGER || param->type == RPC_STRINGS ? "an" : "a",
			rpc_type_name(param->type));
	if (param != NULL)
		return 0;
	if (!method->open)
		return base_error_set(err, EINVAL, "%s has no parameter %s", method->name, name);
	if (!json_is_string(value) && !json_is_integer(value) && !json_is_boolean(value))
		return base_error_set(err, EINVAL,
			"parameter %s of %s: expected a string, an integer or a boolean", name,
			method->name);
	return 0;
}

/* Parameters by position get the names of the row. */
static int
name_params(const struct rpc_method *method, json_t *array, json_t *named, struct base_error *err)
{
	json_t *value;
	size_t i;

	json_array_foreach(array, i, value) {
		if (i >= RPC_MAX_PARAMS || method->params[i].name == NULL)
			return base_error_set(err, EINVAL,
				"%s: %zu parameters, expected at most %zu", method->name,
				json_array_size(array), i);
		json_object_set(named, method->params[i].name, value);
	}
	return 0;
}

/* @return the parameters as an object of the caller's; NULL with a sentence. */
static json_t *
take_params(const struct rpc_method *method, json_t *given, struct base_error *err)
{
	json_t *named = json_object();
	unsigned int i;
	const char *name;
	json_t *value;

	if (json_is_array(given) && name_params(method, given, named, err) < 0)
		goto wrong;
	if (json_is_object(given))
		json_object_update(named, given);
	json_object_foreach(named, name, value)
		if (check_param(method, name, value, err) < 0)
			goto wrong;
	for (i = 0; i < RPC_MAX_PARAMS && method->params[i].name != NULL; i++) {
		const struct rpc_param *param = &method->params[i];

		if (!param->required || json_object_get(named, param->name) != NULL)
			continue;
		base_error_set(err, EINVAL, "%s: parameter %s is missing: %s", method->name,
			param->name, param->help);
		goto wrong;
	}
	return named;
wrong:
	json_decref(named);
	return NULL;
}

static const char *
request_fault(const json_t *request)
{
	const json_t *id = json_object_get(request, "id");
	const json_t *version = json_object_get(request, "jsonrpc");
	const json_t *params = json_object_get(request, "params");

	if (!json_is_object(request))
		return "a request is an object";
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0)
		return "expected \"jsonrpc\": \"2.0\"";
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return "\"id\" is a string, a number or null";
	if (!json_is_string(json_object_get(request, "method")))
		return "\"method\" is a string";
	if (params != NULL && !json_is_object(params) && !json_is_array(params))
		return "\"params\" is an object or an array";
	return NULL;
}

/* An id that can stand in an answer to a wrong request. */
static json_t *
usable_id(const json_t *request)
{
	json_t *id = json_object_get(request, "id");

	return json_is_string(id) || json_is_number(id) ? id : NULL;
}

/* A notification is answered with nothing, also when it is wrong. */
static void
add_call_error(struct rpc_line *line, int code, const char *message)
{
	if (line->call.id != NULL)
		add_error(line, line->call.id, code, message, 0);
}

/* @return 0: go on with the next; -EINPROGRESS. */
static int
run_method(struct rpc_line *line, const struct rpc_method *method, json_t *params)
{
	struct base_error err = {.text = ""};
	struct rpc_call *call = &line->call;
	json_t *result = NULL;
	int ret;

	if (method->changes && line->audit != NULL)
		line->audit(line->arg, method, params);
	call->finished = false;
	call->in_handler = true;
	ret = method->handler(call, params, &result, &err);
	call->in_handler = false;
	if (ret == -EINPROGRESS)
		return call->finished ? 0 : ret;
	call_answer(call, ret, result, &err);
	return 0;
}

static int
run_request(struct rpc_line *line, json_t *request)
{
	const char *fault = request_fault(request);
	const struct rpc_method *method;
	struct base_error err = {.text = ""};
	json_t *params;
	int ret;

	line->call.line = line;
	line->call.id = NULL;
	if (fault != NULL) {
		add_error(line, usable_id(request), RPC_INVALID_REQUEST, fault, 0);
		return 0;
	}
	line->call.id = json_object_get(request, "id");
	method = find_method(line->service, json_string_value(json_object_get(request, "method")));
	if (method == NULL) {
		add_call_error(line, RPC_METHOD_NOT_FOUND,
			"there is no such method; rpc.list tells which there are");
		return 0;
	}
	params = take_params(method, json_object_get(request, "params"), &err);
	if (params == NULL) {
		add_call_error(line, RPC_INVALID_PARAMS, err.text);
		return 0;
	}
	ret = run_method(line, method, params);
	json_decref(params);
	return ret;
}

/* The whole answer as text. */
static char *
line_text(struct rpc_line *line, size_t *len)
{
	json_t *answer = line->batch ? line->answers : json_array_get(line->answers, 0);
	char message[128];
	char *text;

	if (json_array_size(line->answers) == 0)
		return NULL;
	text = dump_line(answer, len);
	if (text != NULL && *len <= line->service->max_answer)
		return text;
	snprintf(message, sizeof(message),
		text == NULL ? "no memory for the answer"
			     : "the answer has %zu bytes, more than the limit of %zu; ask for less",
		*len, line->service->max_answer);
	free(text);
	answer = response(line->batch ? NULL : line->call.id, "error",
		error_object(RPC_INTERNAL_ERROR, message, 0));
	text = dump_line(answer, len);
	json_decref(answer);
	return text;
}

static void
line_run(struct rpc_line *line)
{
	size_t len = 0;
	char *text;

	while (line->next < json_array_size(line->requests)) {
		json_t *request = json_array_get(line->requests, line->next++);

		if (run_request(line, request) == -EINPROGRESS)
			return;
	}
	text = line_text(line, &len);
	line->answer(line->arg, text, len);
	json_decref(line->requests);
	json_decref(line->answers);
	free(line);
}

void
rpc_finish(struct rpc_call *call, int ret, json_t *result, const struct base_error *err)
{
	call_answer(call, ret, result, err);
	if (!call->in_handler)
		line_run(call->line);
}

/* One error for the whole line. */
static void
refuse_line(int code, const char *message, rpc_answer_fn answer, void *arg)
{
	char *text = rpc_error_line(code, message);

	answer(arg, text, text == NULL ? 0 : strlen(text));
}

static json_t *
parse_line(const char *text, size_t len, rpc_answer_fn answer, void *arg)
{
	char message[JSON_ERROR_TEXT_LENGTH + 64];
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	if (json != NULL)
		return json;
	snprintf(message, sizeof(message), "not JSON: %s at byte %d", error.text, error.position);
	refuse_line(RPC_PARSE_ERROR, message, answer, arg);
	return NULL;
}

unsigned int
rpc_submit(const struct rpc_service *service, const char *text, size_t len, rpc_answer_fn answer,
	rpc_audit_fn audit, void *arg)
{
	json_t *json = parse_line(text, len, answer, arg);
	struct rpc_line *line;
	unsigned int n;

	if (json == NULL)
		return 1;
	if (json_is_array(json) &&
		(json_array_size(json) == 0 || json_array_size(json) > RPC_MAX_BATCH)) {
		refuse_line(RPC_INVALID_REQUEST, "a batch holds 1 to 32 requests", answer, arg);
		json_decref(json);
		return 1;
	}
	line = calloc(1, sizeof(*line));
	if (line == NULL) {
		refuse_line(RPC_INTERNAL_ERROR, "no memory", answer, arg);
		json_decref(json);
		return 1;
	}
	line->service = service;
	line->answer = answer;
	line->audit = audit;
	line->arg = arg;
	line->batch = json_is_array(json);
	line->requests = line->batch ? json : json_pack("[o]", json);
	line->answers = json_array();
	n = (unsigned int)json_array_size(line->requests);
	line_run(line);
	return n;
}
