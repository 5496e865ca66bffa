-- Each connection asks ten times a second, as the Python client does.
function delay()
    return 100
end
