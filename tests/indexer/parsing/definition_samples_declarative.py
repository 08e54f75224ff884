"""Schemas, style sheets and build files: one source text each, and its definitions."""

from tests.indexer.parsing.definition_samples_dynamic import Expected

SQL = """-- The orders.
CREATE TABLE IF NOT EXISTS shop.orders (
  id INT PRIMARY KEY,
  total INT NOT NULL
);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 10;
CREATE INDEX idx_total ON orders (total);
-- Monthly totals.
CREATE OR REPLACE FUNCTION monthly_totals(y int) RETURNS int AS $$ SELECT y FROM sales $$ LANGUAGE sql;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TRIGGER check_it BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION check_it();
CREATE MATERIALIZED VIEW mv AS SELECT 1;
CREATE PROCEDURE drop_old() LANGUAGE SQL AS $$ DELETE FROM orders $$;
CREATE SEQUENCE serial;
"""
TERRAFORM = """# The bucket.
resource "aws_s3_bucket" "logs" {
  bucket = "logs"
}
variable "region" {
  default = "eu"
}
output "url" { value = "x" }
module "vpc" { source = "./vpc" }
data "aws_ami" "ubuntu" { most_recent = true }
locals {
  name = "a"
  tags = { a = 1 }
}
provider "aws" { region = var.region }
terraform { required_version = ">1" }
"""
PROTO = """syntax = "proto3";
package shop;
// An order.
message Order {
  int64 id = 1;
  message Line { string sku = 1; }
  enum State { OPEN = 0; }
  oneof kind { string a = 2; }
}
enum Color { RED = 0; }
// The service.
service Orders {
  // Gets one.
  rpc GetOrder (Order) returns (Order);
  rpc Watch (Order) returns (stream Order) { option x = 1; }
}
extend google.Options { string z = 5; }
"""
GRAPHQL = '''"""An order."""
type Order implements Node {
  id: ID!
  "The total."
  total(currency: String): Int
}
interface Node { id: ID! }
enum Color { RED GREEN }
input NewOrder { total: Int }
union Thing = Order | Other
scalar Date
directive @auth(role: String) on FIELD
extend type Query { orders: [Order] }
query GetOrders($n: Int) { orders { id } }
mutation Add { add }
fragment Parts on Order { id }
# A comment.
type Other { a: Int }
schema { query: Query }
'''
CSS = """/* The total. */
.total, .sum > a { color: red; }
:root { --main-color: #fff; }
@media (max-width: 3px) {
  #menu li:hover { margin: 0; }
}
@keyframes spin { from { a: 1 } }
p { a: b }
"""
SCSS = """$gap: 3px;
// A mixin.
@mixin round($r) { border-radius: $r; }
@function double($x) { @return $x * 2; }
.card {
  &:hover { a: b }
  .title { a: b }
  @include round(3px);
}
%base { a: b }
@keyframes spin { from { a: 1 } }
"""
DOCKERFILE = """# Builds.
FROM node:20 AS build
ARG VERSION=1
ENV NODE_ENV=production
RUN npm ci
# Runs.
FROM alpine
COPY --from=build /a /b
CMD ["x"]
"""
MAKE = """CC = gcc
VERSION := 1
export PATH ?= x
.PHONY: all test
# Builds all.
all: build test
	echo x
build/%.o: %.c
	$(CC) $<
a b: c
define helper
x
endef
ifeq (1,1)
inner:
	x
endif
"""
CMAKE = """cmake_minimum_required(VERSION 3)
project(Shop)
set(LIMIT 3)
# Adds.
function(add_it name)
  message(x)
endfunction()
macro(twice x)
endmacro()
add_executable(shop main.c)
add_library(core STATIC a.c)
add_custom_target(docs)
option(WITH_X "x" ON)
add_test(NAME t1 COMMAND shop)
"""

DECLARATIVE: dict[str, tuple[str, Expected]] = {
    "sql": (
        SQL,
        [
            ("shop.orders", "table", 2, 5),
            ("big_orders", "table", 6, 6),
            ("idx_total", "constant", 7, 7),
            ("monthly_totals", "function", 9, 9),
            ("mood", "type", 10, 10),
            ("check_it", "function", 11, 11),
            ("mv", "table", 12, 12),
            ("serial", "constant", 14, 14),
        ],
    ),
    "terraform": (
        TERRAFORM,
        [
            ("aws_s3_bucket.logs", "resource", 2, 4),
            ("variable.region", "constant", 5, 7),
            ("output.url", "constant", 8, 8),
            ("vpc", "module", 9, 9),
            ("aws_ami.ubuntu", "resource", 10, 10),
            ("name", "constant", 12, 12),
            ("tags", "constant", 13, 13),
            ("provider.aws", "constant", 15, 15),
        ],
    ),
    "proto": (
        PROTO,
        [
            ("Order", "class", 4, 9),
            ("Order.Line", "class", 6, 6),
            ("Order.State", "enum", 7, 7),
            ("Color", "enum", 10, 10),
            ("Orders", "interface", 12, 16),
            ("Orders.GetOrder", "declaration", 14, 14),
            ("Orders.Watch", "declaration", 15, 15),
        ],
    ),
    "graphql": (
        GRAPHQL,
        [
            ("Order", "class", 2, 6),
            ("Order.id", "declaration", 3, 3),
            ("Order.total", "declaration", 5, 5),
            ("Node", "interface", 7, 7),
            ("Node.id", "declaration", 7, 7),
            ("Color", "enum", 8, 8),
            ("NewOrder", "class", 9, 9),
            ("Thing", "type", 10, 10),
            ("Date", "type", 11, 11),
            ("auth", "function", 12, 12),
            ("Query", "impl", 13, 13),
            ("Query.orders", "declaration", 13, 13),
            ("GetOrders", "function", 14, 14),
            ("Add", "function", 15, 15),
            ("Parts", "type", 16, 16),
            ("Other", "class", 18, 18),
            ("Other.a", "declaration", 18, 18),
        ],
    ),
    "css": (
        CSS,
        [
            ("total", "selector", 2, 2),
            ("sum", "selector", 2, 2),
            ("--main-color", "constant", 3, 3),
            ("menu", "selector", 5, 5),
            ("spin", "function", 7, 7),
        ],
    ),
    "scss": (
        SCSS,
        [
            ("$gap", "constant", 1, 1),
            ("round", "function", 3, 3),
            ("double", "function", 4, 4),
            ("card", "selector", 5, 9),
            ("card.title", "selector", 7, 7),
            ("base", "selector", 10, 10),
            ("spin", "function", 11, 11),
        ],
    ),
    "dockerfile": (
        DOCKERFILE,
        [
            ("build", "stage", 2, 6),
            ("build.VERSION", "constant", 3, 3),
            ("build.NODE_ENV", "constant", 4, 4),
            ("alpine", "stage", 7, 9),
        ],
    ),
    "make": (
        MAKE,
        [
            ("CC", "constant", 1, 1),
            ("VERSION", "constant", 2, 2),
            ("PATH", "constant", 3, 3),
            ("all", "target", 6, 7),
            ("a", "target", 10, 10),
            ("b", "target", 10, 10),
            ("helper", "function", 11, 13),
            ("inner", "target", 15, 16),
        ],
    ),
    "cmake": (
        CMAKE,
        [
            ("Shop", "module", 2, 2),
            ("LIMIT", "constant", 3, 3),
            ("add_it", "function", 5, 7),
            ("twice", "function", 8, 9),
            ("shop", "target", 10, 10),
            ("core", "target", 11, 11),
            ("docs", "target", 12, 12),
            ("WITH_X", "constant", 13, 13),
            ("t1", "target", 14, 14),
        ],
    ),
}
DECLARATIVE["hcl"] = DECLARATIVE["terraform"]
