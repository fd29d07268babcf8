# `make help` lists the targets. Only `run` and `test` are needed to begin with.

SWIFT ?= swift
# No run path: with the standard library inside there is nothing beside the program to look for, at every start.
# What the compiler cannot prove about exclusive access is checked by every debug build, which the tests run in.
RELEASE = -c release --static-swift-stdlib --omit-frame-pointers --disable-local-rpath $(ALIGNED) $(LINK) \
	-Xswiftc -enforce-exclusivity=unchecked
# No branch across the blocks in which these processors fetch: where the interpreter's loop falls by chance makes 20 %.
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
ALIGNED = -Xswiftc -Xllvm -Xswiftc -x86-branches-within-32B-boundaries
endif
# On Linux a start is mostly mapping, so there is less to map: the C++ library goes inside where it is at hand to link,
# and nothing is exported, for nothing is loaded into the program that could ask.
ifeq ($(shell uname -s),Linux)
LINK = -Xswiftc -use-ld=lld -Xlinker --no-export-dynamic -Xswiftc -Xclang-linker -Xswiftc -static-libgcc \
	-Xswiftc -L$(CURDIR)/.build/static
LIBSTDCXX = $(firstword $(wildcard $(shell clang -print-file-name=libstdc++.a 2>/dev/null) \
	$(shell cc -print-file-name=libstdc++.a 2>/dev/null)))
endif
SLUICE = .build/release/sluice
# One after the other: tests that wait for real servers and programs would otherwise wait for each other's threads.
SUITES = $(sort $(notdir $(wildcard Tests/*Tests)))
FORMATTED = Package.swift Sources Tests stdlib

.DEFAULT_GOAL := help
.PHONY: help run build test fuzz soak load conformance differential bench format lint tsan clean setup

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: build ## install what is missing, build, and run the notes sentinel once on its sample notes
	@$(SLUICE) run examples/notes-sentinel/sentinel.slu --once

build: setup ## install what is missing, and build the release as .build/release/sluice
	@mkdir -p .build/static && $(if $(LIBSTDCXX),ln -sf $(LIBSTDCXX) .build/static/libstdc++.a,true)
	@$(SWIFT) build $(RELEASE) --product sluice

test: ## install what is missing, and run every test
	@.ci/setup tests
	@$(SWIFT) build --build-tests
	@for suite in $(SUITES); do \
		echo "== $$suite"; \
		$(SWIFT) test --skip-build --filter "^$$suite\." >.build/test.log 2>&1 || { cat .build/test.log; exit 1; }; \
		grep "Test run with" .build/test.log; \
	done

fuzz: setup ## fuzz TARGET (reader, program or codec) for SECONDS, by default 600; what is found stays in .build/fuzz/found
	@SLUICE_FUZZ=1 $(SWIFT) build --scratch-path .build/fuzz -Xswiftc -O --product Fuzz
	@Tests/Fuzz/run .build/fuzz/debug/Fuzz "$(or $(TARGET),$(error name what to fuzz: make fuzz TARGET=reader))" \
		"$(or $(SECONDS),600)" .build/fuzz/found

conformance: build ## run SUITE, a checkout of jank-lang/clojure-test-suite
	@cd "$(or $(SUITE),$(error name the suite's folder: make conformance SUITE=path))/test" && \
		$(CURDIR)/$(SLUICE) run $(CURDIR)/Tests/conformance/run.slu $(CURDIR)/Tests/conformance/expected.edn

SOAK_LOG = .build/soak.log
soak: build ## a graph under load for SECONDS, by default 600, whose workers fail and are replaced: no message may be missing
	@$(SLUICE) run Tests/soak/soak.slu "$(or $(SECONDS),600)" 2>$(SOAK_LOG) || { tail -20 $(SOAK_LOG); exit 1; }

load: build ## REQUESTS requests outstanding at once, by default 10,000: at most 256 sockets and 400 MB
	@Tests/load/run $(SLUICE) $(or $(REQUESTS),10000)

# Clojure as Debian packages it (libclojure-java); another one is named by its class path.
CLOJURE = java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8 -cp $(CLOJURE_JARS) clojure.main
CLOJURE_JARS ?= $(subst $() ,:,$(addprefix /usr/share/java/,clojure.jar spec.alpha.jar core.specs.alpha.jar))
COUNT ?= 50000
SEED ?= 1
FUZZ = Tests/differential
MADE = .build/differential

differential: build ## compare COUNT expressions drawn by SEED with Clojure on the JVM
	@mkdir -p $(MADE)
	@$(SLUICE) run $(FUZZ)/generate.cljc $(FUZZ)/grammar.txt $(MADE)/expressions.txt $(COUNT) $(SEED)
	@$(CLOJURE) $(FUZZ)/evaluate.cljc $(MADE)/expressions.txt $(MADE)/clojure.txt >$(MADE)/log 2>&1 || { cat $(MADE)/log; exit 1; }
	@$(SLUICE) run $(FUZZ)/evaluate.cljc $(MADE)/expressions.txt $(MADE)/sluice.txt >$(MADE)/log 2>&1 || { cat $(MADE)/log; exit 1; }
	@$(SLUICE) run $(FUZZ)/compare.slu $(MADE)/expressions.txt $(MADE)/clojure.txt $(MADE)/sluice.txt $(FUZZ)/listed.edn

bench: build ## compare the speed with the peers that are installed
	@Benchmarks/run $(SLUICE)

format: ## put the Swift sources into their form
	@$(SWIFT) format -i -r $(FORMATTED)

lint: ## complain of Swift sources that are not in their form
	@$(SWIFT) format lint --strict -r $(FORMATTED)

tsan: setup ## run the tests of the concurrent parts under the thread sanitizer
	@$(SWIFT) test --sanitize thread --scratch-path .build/tsan --filter 'RuntimeTests|EngineTests|AdaptersTests|CommandTests'

clean: ## remove what was built
	@rm -rf .build

setup: ## install the system libraries that are missing
	@.ci/setup
