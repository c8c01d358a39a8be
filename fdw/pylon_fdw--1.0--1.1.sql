-- complain if this file is sourced in psql, rather than by ALTER EXTENSION
\echo Use "ALTER EXTENSION pylon_fdw UPDATE TO '1.1'" to load this file. \quit
