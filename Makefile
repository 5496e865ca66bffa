# The few commands one needs; the build itself is CMake's (see CMakePresets.json).
#   make run [PHOTO=mine.jpg]   install what is missing, build, cut out a photo
#   make serve                  the same set-up, then answer as the endpoint on port 8000, with a page at /
#   make test                   the same set-up, then all tests
#   make test-cluster           installs PostgreSQL, pgbouncer and Swift, and runs the tests over them
#   make install [PREFIX=/usr/local] [DESTDIR=]
#   make deb                    Debian packages in build/deb, for this machine's release
#   make dist                   the source of the commit as an archive in build/dist, the same bytes each time
#   make bundle                 an archive in build/bundle that needs nothing of the machine it runs on

PHOTO ?= examples/photo1.jpg
MODEL ?= models/starter.safetensors
OUT ?= cutouts
PREFIX ?= /usr/local
BUILD := build/release

.PHONY: all setup run serve test test-cluster install deb bundle dist format complexity clean

all: $(BUILD)/build.ninja
	@cmake --build $(BUILD)

setup:
	@scripts/setup.sh

$(BUILD)/build.ninja: | setup
	@cmake --preset release >/dev/null

run: setup $(BUILD)/build.ninja
	@cmake --build $(BUILD) --target birefnet
	@$(BUILD)/bin/birefnet remove "$(PHOTO)" --model "$(MODEL)" -o "$(OUT)/"

# SERVE="--listen 0.0.0.0:8000 ..." for more options
serve: setup $(BUILD)/build.ninja
	@cmake --build $(BUILD) --target birefnet
	@$(BUILD)/bin/birefnet serve $(SERVE)

test: setup all
	@ctest --test-dir $(BUILD) --output-on-failure $(CTEST_FLAGS)

test-cluster: setup
	@scripts/setup.sh cluster
	@$(MAKE) --no-print-directory all
	@BN_REQUIRE_SERVICES=1 ctest --test-dir $(BUILD) --output-on-failure -L services $(CTEST_FLAGS)

# A build of its own: the program knows where its weights are installed, and nothing of this source tree.
install: setup
	@cmake -G Ninja -S . -B build/install -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$(PREFIX)" \
		-DBUILD_TESTING=OFF -DBN_BUILD_MODELS=OFF >/dev/null
	@cmake --build build/install
	@umask 022 && cmake --install build/install
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

deb:
	@scripts/deb.sh

bundle:
	@scripts/bundle.sh

dist:
	@scripts/dist.sh

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

# No function over 120 lines or a complexity of 25.
complexity:
	@scripts/complexity.sh

clean:
	@rm -rf build cutouts
