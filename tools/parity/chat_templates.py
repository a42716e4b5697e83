"""Vectors of chat templates: what transformers' Jinja environment makes of them.

python3 tools/parity/chat_templates.py [--out FILE]        the templates below, to src/model/testdata
python3 tools/parity/chat_templates.py --real DIR --out F  *.jinja of DIR (others' templates; never committed)

The templates are our own: between them they use every construct that the subset reads, in the style of those of chat
models. A case whose rendering fails has no text: ours must fail too. transformers 4.57, jinja2 3.1.
"""
import datetime, json, os, sys
sys.path = [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]  # tokenizers.py is here
import jinja2
import transformers
from transformers.utils import chat_template_utils as utils

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/model/testdata/chat_template_vectors.json")
NOW = 1766228645  # 2025-12-20 11:04:05 UTC


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc)


utils.datetime = Clock

U = lambda text: {"role": "user", "content": text}
A = lambda text: {"role": "assistant", "content": text}
S = lambda text: {"role": "system", "content": text}
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather <of> a \"place\" & time – now\n",
        "parameters": {"type": "object", "properties": {"place": {"type": "string", "description": "City, e.g. Köln"},
                       "days": {"type": "integer", "default": 3}, "exact": {"type": "boolean", "default": False},
                       "limits": {"type": ["number", "null"], "enum": [0.5, 1.0, 1e-7, 2e22]}}, "required": ["place"]}}}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "call00001", "type": "function", "function": {
    "name": "weather", "arguments": {"place": "Köln", "days": 2, "exact": True, "limits": None}}}]}
CALL_TEXT = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {
    "name": "weather", "arguments": "{\"place\": \"Köln\"}"}}]}
RESULT = {"role": "tool", "name": "weather", "tool_call_id": "call00001", "content": "{\"rain\": true}"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "What is in "}, {"type": "image"}, {"type": "text", "text": "this?"}]}

CHATS = {
    "one": [U("Hello, how are you?")],
    "system": [S("  You are terse. "), U("Hi")],
    "turns": [U("Hi"), A("Hello!"), U(" What is 2+2? \n")],
    "system_turns": [S("Be kind.\n\nAlways."), U("Hi"), A(" Hello! "), U("Bye\n"), A("See you")],
    "unicode": [S("Ünïcödé \u00a0"), U("日本語 🙂 \"quoted\" 'single' \\ back\t\u0001"), A("naïve ß\u2028end")],
    "think": [U("2+2?"), A("<think>\nTwo and two.\n</think>\n\nFour."), U("3+3?"), A("<think>x</think>Six"), U("ok")],
    "reasoning": [U("2+2?"), {"role": "assistant", "content": "Four.", "reasoning_content": "Two and two."}, U("so?")],
    "tools": [S("Use tools."), U("Weather?"), CALL, RESULT, A("Rain."), U("Thanks")],
    "tools_two": [U("Weather?"), CALL, RESULT, dict(RESULT, content=["a", {"b": 1}]), U("And?")],
    "tool_text": [U("Weather?"), CALL_TEXT, RESULT],
    "parts": [PARTS, A("A cat."), U("Sure?")],
    "alternation": [U("a"), U("b")],
    "assistant_first": [A("I begin"), U("fine")],
    "empty": [U("")],
    "no_content": [{"role": "user"}],
    "role": [{"role": "narrator", "content": "It was dark."}],
    "nothing": [],
}

TEMPLATES = {
    # In the manner of the families.
    "chatml": """{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "inst": """{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}{% elif not 'x' in messages[0]['content'] and use_default | default(false) %}{% set rest = messages %}{% set system = 'Default.' %}{% else %}{% set rest = messages %}{% set system = false %}{% endif %}
{% for message in rest %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Roles must alternate') }}
{% endif %}
{% if loop.index0 == 0 and system != false %}
{% set content = '<<S>>\\n' + system + '\\n<</S>>\\n\\n' + message['content'] %}
{% else %}
    {% set content = message['content'] %}
{% endif %}
{% if message['role'] == 'user' %}
{{ bos_token + '[Q] ' + content.strip() + ' [/Q]' }}
{% elif message['role'] == 'assistant' %}
{{ ' ' + content.strip() + ' ' + eos_token }}
{% endif %}
{% endfor %}""",
    "headers": """{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{#- The system message comes out of the messages #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- bos_token }}
{{- "<|head|>system<|head_end|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Tools: on\\n" }}
{%- endif %}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none and not (tools_in_user is defined and tools_in_user) %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|end|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|head|>' + message['role'] + '<|head_end|>\\n\\n'+ message['content'] | trim + '<|end|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One call at once!") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '<|head|>assistant<|head_end|>\\n\\n' -}}
        {{- '{"name": "' + call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- call.arguments | tojson }}
        {{- "}" }}
        {{- "<|end|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|head|>ipython<|head_end|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|end|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|head|>assistant<|head_end|>\\n\\n' }}
{%- endif %}
""",
    "turns": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<turn>' + role + '\\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '</turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<turn>model\\n'}}
{%- endif -%}
""",
    "reasoner": """{%- if tools %}
    {{- '<|s|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|e|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|s|>system\\n' + messages[0].content + '<|e|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|s|>' + message.role + '\\n' + content + '<|e|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning) %}
                {{- '<|s|>' + message.role + '\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|s|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|s|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|e|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|s|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|e|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|s|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}""",
    "available": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[I] " + system_message + "\\n\\n" + message["content"] + "[/I]" }}
        {%- else %}
            {{- "[I] " + message["content"] + "[/I]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("ids are of length 9!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}
            {%- set content = message.content.content %}
        {%- else %}
            {%- set content = message.content %}
        {%- endif %}
        {{- '[RESULT] {"content": ' + content|string + ", " }}
        {{- '"id": "' + message.tool_call_id + '"}[/RESULT]' }}
    {%- else %}
        {{- raise_exception("unknown role") }}
    {%- endif %}
{%- endfor %}
""",
    "distill": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, is_output_first=true, system_prompt='') %}{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}{%- set ns.is_tool = false -%}{{'<U>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is none %}{%- set ns.is_tool = false -%}{%- for tool in message['tool_calls']%}{%- if not ns.is_first %}{{'<A><calls>' + tool['type'] + '<sep>' + tool['function']['name'] + '\\n' + '```json' + '\\n' + tool['function']['arguments']|tojson + '\\n' + '```'}}{%- set ns.is_first = true -%}{%- else %}{{'\\n' + tool['type']}}{%- endif %}{%- endfor %}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{%- if ns.is_tool %}{{'<out_end>' + message['content'] + '<E>'}}{%- set ns.is_tool = false -%}{%- else %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{'<A>' + content + '<E>'}}{%- endif %}{%- endif %}{%- if message['role'] == 'tool' %}{%- set ns.is_tool = true -%}{%- if ns.is_output_first %}{{'<outs><out>' + message['content']|string + '</out>'}}{%- set ns.is_output_first = false %}{%- else %}{{'\\n<out>' + message['content']|string + '</out>'}}{%- endif %}{%- endif %}{%- endfor -%}{% if ns.is_tool %}{{'</outs>'}}{% endif %}{% if add_generation_prompt and not ns.is_tool %}{{'<A><think>\\n'}}{% endif %}""",
    "macros": """{%- macro show(value, depth=0, sep=', ') -%}
{%- if value is mapping -%}
{ {%- for k, v in value | dictsort %}{{ k }}={{ show(v, depth + 1) }}{{ sep if not loop.last }}{% endfor -%} }
{%- elif value is string -%}"{{ value }}"
{%- elif value is iterable -%}[{% for v in value %}{{ show(v, depth=depth+1) }}{% if not loop.last %}{{ sep }}{% endif %}{% endfor %}]
{%- else -%}{{ value }}@{{ depth }}{%- endif -%}
{%- endmacro -%}
{%- for t in tools or [] %}{{ show(t) }}
{{ show(t.function.parameters.properties.keys() | list, sep=';') }}
{% endfor %}
{%- for m in messages %}{{ show(m) }}
{% generation %}{% if m.role == 'assistant' %}{{ m.content }}{% endif %}{% endgeneration %}
{% endfor %}""",
    # One construct after another.
    "space": """  {% if true %}   a
  {%- if true %}  b  {% endif -%}
    {%- endif +%} c {%+ if true %} d {%+ endif %}
	{% if true +%}
e{% endif %}
{# note #}
   {# note -#}
  f
{#- note +#}
 g {{- ' h ' -}} i
{% raw %}{{ not {% this %} }}{% endraw %}

{%- raw -%}  {{ x }}  {%- endraw +%}
j
""",
    "loops": """{% for m in messages %}{{ loop.index }}/{{ loop.length }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }} {{ loop.first }} {{ loop.last }} {{ loop.previtem.role if loop.previtem is defined else '-' }} {{ loop.nextitem.role if not loop.last }} {{ loop.depth }}{{ loop.depth0 }}
{% else %}none
{% endfor %}{% for a, b in [(1, 2), [3, 4]] %}{{ a }}-{{ b }};{% endfor %}{% for c in 'añ🙂' %}[{{ c }}]{% endfor %}{% for k in {'x': 1, 'y': 2} %}{{ k }}{% endfor %}
{% for i in range(10) if i % 2 %}{{ i }}{{ loop.index }}{% if i == 5 %}{% continue %}{% endif %}{% if i > 7 %}{% break %}{% endif %},{% endfor %} {% for i in range(5, 1, -2) %}{{ i }} {% endfor %}{% for i in [] %}x{% else %}empty{% endfor %}
{% set x = 1 %}{% for i in range(2) %}{{ x }}{% set x = x + 10 %}{{ x }}{% endfor %}{{ x }}{% for i in undefined_thing %}x{% endfor %}{% for i in [1] %}{% for j in [2] %}{{ loop.depth }}{% endfor %}{% endfor %}""",
    "values": """{{ 1 }} {{ 1.0 }} {{ 1e3 }} {{ 1_000 }} {{ 2.5e-7 }} {{ 1e22 }} {{ 123456789.125 }} {{ true }} {{ none }} {{ [1, 'a', "it's", 'q"q', "b'\\"", none, True, 1.5, (1,), (), {'k': [2]}] }} {{ {'a': 1, 2: 'b', 'a': 3} }} {{ undefined_thing }} {{ 'é\\n\\t\\\\ \\x41 \\u00e9 \\'' }} {{ ['é\\n\\t\\\\ \\u200b \\x7f 🙂'] }} {{ 'a' 'b' "c" }} {{ messages }} {{ 1, 2 }} {{ [undefined_thing] }}""",
    "numbers": """{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2.5 * 2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -2 ** 2 }} {{ - 3 | abs }} {{ +4 }} {{ true + 1 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ 1 < 2 <= 2 < 3 }} {{ 3 > 2 > 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'ab' * 3 }} {{ [0] * 3 }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'a' ~ 1 ~ none ~ 2.0 ~ [1] }} {{ 1 ~ 2 + 3 if false else 'x' }} {{ '12' | int + 1 }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ '1.9' | int }} {{ 3.99 | int }} {{ '2.5' | float }} {{ 'y' | float }} {{ 3 | float }} {{ ' 5 ' | int }}""",
    "logic": """{{ 1 and 2 }} {{ 0 or 'x' }} {{ not 0 }} {{ '' or none }} {{ not '' and not [] and not {} }} {{ 'a' if 1 }} {{ 'a' if 0 }}. {{ 'a' if 0 else 'b' if 0 else 'c' }} {{ 'b' in 'abc' }} {{ 'z' not in 'abc' }} {{ 1 in [1] }} {{ 'k' in {'k': 1} }} {{ not 'k' in {'k': 1} }} {{ 3 not in (1, 2) }} {{ 'a' in undefined_thing }} {{ undefined_thing == other_undefined }} {{ undefined_thing == none }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ [1] == (1,) }} {{ 1 != 2 }} {{ none == none }}""",
    "tests": """{% for v in [1, 0, -3, 1.5, true, false, none, 'text', '', 'UP', [1], (1,), {}, {'a': 1}] %}{{ v is defined }}{{ v is undefined }}{{ v is none }}{{ v is string }}{{ v is mapping }}{{ v is iterable }}{{ v is sequence }}{{ v is number }}{{ v is integer }}{{ v is float }}{{ v is boolean }}{{ v is true }}{{ v is false }}{{ v is callable }}{{ v is not none }}{{ v is eq 1 }}{{ v is equalto('text') }}{{ v is ne 1 }}{{ v is sameas true }}{{ v is in [1, 'text'] }}{{ v is upper }}{{ v is lower }}
{% endfor %}{{ 3 is odd }}{{ 4 is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}{{ 3 is gt 2 }}{{ 3 is ge 3 }}{{ 3 is lt 2 }}{{ 3 is le 3 }}{{ nothing is defined }}{{ nothing is undefined }}{{ nothing is string }}{{ nothing is iterable }}{{ nothing is sequence }}{{ nothing is mapping }}{{ nothing is none }}{{ messages is defined and messages is iterable }}{{ range is callable }}{{ 3 is greaterthan 2 and 2 is lessthan 3 }}{{ messages.x is not defined or false }}""",
    "filters": """{{ '  a b ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 'añB' | upper }}|{{ 'AÑb' | lower }}|{{ 'hello wORLD foo' | title }}|{{ 'hELLO' | capitalize }}|{{ [1, 2, 3] | join(', ') }}|{{ [1, none, 'a'] | join }}|{{ messages | join('+', attribute='role') }}|{{ 'añ🙂' | length }}|{{ messages | length }}|{{ {'a': 1} | length }}|{{ nothing | length }}|{{ [1, 2] | first }}|{{ [1, 2] | last }}|{{ 'abc' | first }}|{{ [] | first }}|{{ {'z': 1} | first }}|{{ nothing | default('d') }}|{{ '' | default('d') }}|{{ '' | default('d', true) }}|{{ none | d('d') }}|{{ none | default('d', boolean=true) }}|{{ 'abc' | list }}|{{ {'a': 1, 'b': 2} | list }}|{{ 5 | string + 'x' }}|{{ 'aXbXc' | replace('X', '--') }}|{{ 'aXbXc' | replace('X', '-', 1) }}|{{ 'ab' | replace('', '.') }}|{{ [3, 1, 2] | sort }}|{{ ['b', 'A', 'c'] | sort }}|{{ ['b', 'A', 'c'] | sort(case_sensitive=true, reverse=true) }}|{{ [1, 2] | reverse | list }}|{{ 'abc' | reverse }}|{{ ['a', 'A', 'b'] | unique | list }}|{{ [1, 5, 2] | max }}|{{ [1, 5, 2] | min }}|{{ -4 | abs }}|{{ {'b': 1, 'a': 2} | dictsort }}|{{ {'b': 1, 'a': 2} | dictsort(by='value', reverse=true) }}|{{ {'b': 1} | items | list }}|{{ nothing | items | list }}|{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb\\n' | indent('>', first=false, blank=true) }}|{{ 'x' | safe }}|{{ nothing | trim }}|{{ nothing | upper }}|{{ [1, 2] | count }}""",
    "lists": """{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', '==', 'user') | map(attribute='role') | list }} {{ messages | selectattr('tool_calls', 'defined') | list | length }} {{ messages | selectattr('content') | map(attribute='role') | join(',') }} {{ [1, 'a', none, 2] | select('number') | list }} {{ [1, 0, 2] | select | list }} {{ [1, 'a', none] | reject('none') | list }} {{ ['a', 'b'] | map('upper') | list }} {{ ['xax', 'xb'] | map('replace', 'x', '-') | list }} {{ messages | map(attribute='missing', default='?') | join }} {{ [{'a': {'b': [5, 6]}}] | map(attribute='a.b.1') | list }} {{ (messages | selectattr('role', 'in', ['user', 'system']) | first).role }} {{ [[3, 'c'], [1, 'a']] | sort(attribute=0) }} {{ [{'n': 2}, {'n': 1}] | sort(attribute='n') | map(attribute='n') | list }} {{ [{'n': 2}, {'n': 1}] | max(attribute='n') }} {{ messages | map(attribute='role') | unique | join('/') }}""",
    "json": """{{ messages | tojson }}
{{ tools | tojson }}
{{ tools | tojson(indent=2) }}
{{ {'b': [], 'a': {}, 'c': [1, [2.0, 1e16, 1e15, 0.1, true, none]]} | tojson(indent=1) }}
{{ {'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(sort_keys=true) }} {{ 'é🙂"\\\\/\\n\\x01\\x7f' | tojson }} {{ 'é🙂\\x7f' | tojson(ensure_ascii=true) }} {{ [1, {'a': 2}] | tojson(separators=(',', ':')) }} {{ {1: 2, none: 3, true: 4} | tojson }} {{ '<&>' | tojson }} {{ [] | tojson(indent=2) }}""",
    "methods": """{{ '  a '.strip() }}|{{ '  a '.lstrip() }}|{{ '  a '.rstrip() }}|{{ 'xyaxy'.strip('xy') }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b '.split() }}|{{ 'a,b,c'.split(',', 1) }}|{{ ' a b  c '.split(none, 1) }}|{{ ' a b  c '.rsplit(none, 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ 'a<t>b'.split('<t>')[-1] }}|{{ 'abc'.startswith('ab') }}|{{ 'abc'.startswith(('x', 'a')) }}|{{ 'abc'.endswith('x') }}|{{ 'aé'.upper() }}|{{ 'AÉ'.lower() }}|{{ 'a b'.title() }}|{{ 'aB'.capitalize() }}|{{ 'aXX'.replace('X', 'y') }}|{{ 'aXX'.replace('X', 'y', 1) }}|{{ 'añb'.find('b') }}|{{ 'abab'.rfind('b') }}|{{ 'a'.find('z') }}|{{ 'abab'.count('ab') }}|{{ '-'.join(['a', 'b']) }}|{{ 'a\\nb\\r\\nc\\n'.splitlines() }}|{{ 'prefix-a'.removeprefix('prefix-') }}|{{ 'a.txt'.removesuffix('.txt') }}|{{ '12'.isdigit() }}|{{ 'ab'.isalpha() }}|{{ 'a1'.isalnum() }}|{{ ' \\n'.isspace() }}|{{ {'a': 1}.get('a') }}|{{ {'a': 1}.get('b') }}|{{ {'a': 1}.get('b', 2) }}|{% for k, v in {'a': 1, 'b': [2]}.items() %}{{ k }}:{{ v }};{% endfor %}|{{ {'a': 1}.keys() | list }}|{{ {'a': 1}.values() | list }}|{{ {'items': 3}['items'] }}|{{ {'items': 3}.items is defined }}""",
    "slices": """{% set l = [0, 1, 2, 3, 4] %}{{ l[1:] }}{{ l[:-1] }}{{ l[::-1] }}{{ l[1:4:2] }}{{ l[-2:] }}{{ l[:] }}{{ l[10:] }}{{ l[4:1:-1] }}{{ l[-1] }}{{ l[0] }}{{ l.1 }}{{ 'añ🙂z'[1:3] }}{{ 'abc'[::-1] }}{{ 'añ'[1] }}{{ (1, 2, 3)[1:] }}{{ l[9] is defined }}{{ 'a'[5] is defined }}{{ l['x'] is defined }}{{ messages[0].role }}{{ messages[0]['role'] }}{{ messages[-1].content }}{{ messages[0].missing }}{{ messages[0]['missing'] is defined }}{{ l[none:2] }}""",
    "sets": """{% set a, b = 1, 'two' %}{{ a }}{{ b }}{% set block %}x{{ a }}
y{% endset %}[{{ block }}]{% set ns = namespace(n=0, l=[]) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.n }}{{ ns.l }}{{ ns.missing is defined }}{% set d = dict(a=1, b=2) %}{{ d }}{{ dict({'x': 1}, y=2) }}{% set ns2 = namespace({'q': 1}, r=2) %}{{ ns2.q }}{{ ns2.r }}{% if true %}{% set inside = 5 %}{% endif %}{{ inside }}{% set t = (1, 2) %}{{ t }}{% set u = 1, %}{{ u }}{{ strftime_now('%Y-%m-%d %H:%M:%S %j %y %B %b %A %a %I %p %e %-d %%') }}""",
    # What fails.
    "fail_attribute": "{{ nothing.x }}",
    "fail_item": "{{ messages[0].nothing['x'] }}",
    "fail_add": "{{ 'a' + 1 }}",
    "fail_add_none": "{{ none + 'a' }}",
    "fail_undefined": "{{ nothing + 'a' }}",
    "fail_order": "{{ 'a' < 1 }}",
    "fail_length": "{{ 5 | length }}",
    "fail_json": "{{ nothing | tojson }}",
    "fail_append": "{% set l = [] %}{{ messages[0].get('x', []).append(1) }}",
    "fail_in": "{{ 1 in 'a1' }}",
    "fail_loop": "{% for x in 5 %}{% endfor %}",
    "fail_unpack": "{% for a, b in [[1]] %}{% endfor %}",
    "fail_call": "{% set f = 1 %}{{ f() }}",
    "fail_zero": "{{ 1 % 0 }}",
    "fail_method": "{{ none.strip() }}",
    "fail_range": "{{ range(1000000) | list | length }}",
    "fail_namespace": "{% set d = {} %}{% set d.x = 1 %}",
}


def render(template, messages, options):
    kwargs = {k: options[k] for k in ("bos_token", "eos_token") if k in options}
    kwargs.update(options.get("variables", {}))
    compiled = utils._compile_jinja_template(template)
    return compiled.render(messages=messages, tools=options.get("tools"), documents=None,
                           add_generation_prompt=options.get("add_generation_prompt", False), **kwargs)


def main():
    argument = lambda name, default: sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default
    real, out = argument("--real", None), argument("--out", OUT)
    templates = TEMPLATES
    if real:
        templates = {n: open(os.path.join(real, n), encoding="utf-8", newline="").read() for n in sorted(os.listdir(real))}
    base = {"bos_token": "<s>", "eos_token": "</s>"}
    variants = [dict(base, add_generation_prompt=True), dict(base), dict(base, tools=[TOOL], add_generation_prompt=True),
                dict(base, variables={"enable_thinking": False, "date_string": "1 Jan 2030", "use_default": True}, add_generation_prompt=True)]
    cases, failed = [], 0
    for name, template in templates.items():
        plain = not real and name in ("space", "values", "numbers", "logic", "tests", "filters", "methods", "sets") or name.startswith("fail_")
        for chat, messages in CHATS.items():
            for v, options in enumerate(variants):
                if plain and (chat != "turns" or v != 0):
                    continue
                if not real and v in (1, 3) and chat not in ("turns", "think", "tools"):
                    continue
                try:
                    text = render(template, messages, options)
                except Exception as e:  # whatever Python raises
                    text, failed = None, failed + 1
                    if real and isinstance(e, jinja2.TemplateSyntaxError):
                        continue
                cases.append({"template": name, "chat": chat, "options": v, "text": text})
    with open(out, "w") as f:
        json.dump({"source": f"tools/parity/chat_templates.py with transformers {transformers.__version__}, jinja2 {jinja2.__version__}",
                   "now_s": NOW, "templates": templates, "chats": CHATS, "options": variants, "cases": cases}, f,
                  ensure_ascii=False, separators=(",", ":"))
    print(f"{len(cases)} cases of {len(templates)} templates, {failed} of them fail, {os.path.getsize(out)} bytes")


main()
